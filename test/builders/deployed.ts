import { createHash } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { VirtualClock } from '../../infra/local/clock.ts';
import { EmulatedAccount } from '../../infra/local/emulated-account.ts';
import { createCredentials } from '../../infra/local/emulators/credentials.ts';
import { createFront } from '../../infra/local/emulators/front.ts';
import { IAM_TYPES } from '../../infra/local/emulators/iam-types.ts';
import { StateFolder } from '../../infra/local/state-folder.ts';
import { ProcessReaper } from '../../infra/local/workers/process-reaper.ts';
import type { AwsTarget } from '../cases/target.ts';
import type { Outputs, Reference, Resources } from '../cases/template.ts';
import { declare, PLACE, role, roleArn } from './emulated-account.ts';

const MODULES = join(import.meta.dirname, '../../node_modules');
const CALLER = role('caller', ['*']);

export interface Deployed {
  /** With the keys of somebody who may do anything, and what the template says it puts out. */
  readonly targetOf: <Name extends string>(template: {
    readonly Outputs: Outputs<Name>;
  }) => AwsTarget & Readonly<Record<Name, string>>;
  readonly faults: readonly unknown[];
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * Resources of templates, with inline functions, on our emulators, wired to each other as the runner wires them.
 * @param speed virtual seconds a second.
 */
export async function deploy(resources: Resources, speed: number): Promise<Deployed> {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-deployed-'));
  const state = new StateFolder(join(folder, 'state'));
  const credentials = createCredentials(state.secret);
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => void faults.push(fault);
  const server = createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const reaper = new ProcessReaper();
  const account = new EmulatedAccount(
    {
      assembly: packaged(resources, folder),
      place: PLACE,
      state,
      clock: new VirtualClock(Date.now(), speed),
      credentials,
      endpoint,
      environments: 1,
      retryDelaysMs: [10, 10],
      container: () => {
        throw new Error('nothing deployed here has a container');
      },
      reaper,
      onFault,
    },
    [declare(CALLER, IAM_TYPES)],
  );
  const { emulators, authorizer, graph } = account;
  server.on('request', createFront({ emulators, credentials, authorizer, place: PLACE, onFault }));
  await account.start();
  const target: AwsTarget = {
    endpoint,
    region: PLACE.region,
    credentials: credentials.issue({ kind: 'role', arn: roleArn('caller'), sessionName: 'test' }),
  };
  const valueOf = (reference: Reference) => {
    const id = 'Ref' in reference ? reference.Ref : reference['Fn::GetAtt'][0];
    const found = graph.resources.find(({ logicalId }) => logicalId === id);
    return 'Ref' in reference ? found?.ref : found?.attributes[reference['Fn::GetAtt'][1] ?? ''];
  };
  return {
    targetOf: <Name extends string>({ Outputs }: { readonly Outputs: Outputs<Name> }) => ({
      ...target,
      ...(Object.fromEntries(
        Object.entries<{ Value: Reference }>(Outputs).map(([name, { Value }]) => [
          name,
          valueOf(Value),
        ]),
      ) as Record<Name, string>),
    }),
    faults,
    async [Symbol.asyncDispose]() {
      await account.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      reaper.stop();
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

/** Inline code as assets, beside the SDK that Lambda's runtime brings. */
function packaged(resources: Resources, folder: string) {
  const assets = new Map<string, string>();
  const asset = (code: string) => {
    const hash = createHash('sha256').update(code).digest('hex');
    const path = join(folder, hash);
    if (!assets.has(hash)) {
      mkdirSync(path);
      writeFileSync(join(path, 'index.cjs'), code);
      symlinkSync(MODULES, join(path, 'node_modules'));
    }
    assets.set(hash, path);
    return { S3Key: hash };
  };
  const Resources = Object.fromEntries(
    Object.entries(resources).map(([logicalId, { Type, Properties }]) => {
      const { Code, ...rest } = Properties as { Code?: { ZipFile: string } };
      return [
        logicalId,
        { Type, Properties: { ...rest, ...(Code && { Code: asset(Code.ZipFile) }) } },
      ];
    }),
  );
  const stack = { name: 'Cases', template: { Resources, Parameters: {}, Outputs: {} } };
  return { stacks: [stack], assets };
}
