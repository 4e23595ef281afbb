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
import type { Template } from '../cases/template.ts';
import { declare, PLACE, role, roleArn } from './emulated-account.ts';

const MODULES = join(import.meta.dirname, '../../node_modules');
const CALLER = role('caller', ['*']);

export interface Deployed {
  /** With the keys of somebody who may do anything. */
  readonly target: Required<AwsTarget>;
  /** What Ref gives. */
  readonly ref: (logicalId: string) => string;
  readonly faults: readonly unknown[];
  [Symbol.asyncDispose](): Promise<void>;
}

/**
 * A template with inline functions on our emulators, wired to each other as the runner wires them.
 * @param speed virtual seconds a second.
 */
export async function deploy(template: Template, speed: number): Promise<Deployed> {
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
      assembly: packaged(template, folder),
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
  return {
    target: {
      endpoint,
      region: PLACE.region,
      credentials: credentials.issue({ kind: 'role', arn: roleArn('caller'), sessionName: 'test' }),
    },
    ref: (logicalId) => graph.resources.find((each) => each.logicalId === logicalId)?.ref ?? '',
    faults,
    async [Symbol.asyncDispose]() {
      await account.stop();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      reaper.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Inline code as assets, beside the SDK that Lambda's runtime brings. */
function packaged({ Resources }: Template, folder: string) {
  const assets = new Map<string, string>();
  const withAssets = Object.entries(Resources).map(([logicalId, { Type, Properties }]) => {
    const { Code = {} } = Properties as { Code?: { ZipFile?: string } };
    if (Code.ZipFile === undefined) return [logicalId, { Type, Properties }] as const;
    const hash = createHash('sha256').update(Code.ZipFile).digest('hex');
    const asset = join(folder, hash);
    if (!assets.has(hash)) {
      mkdirSync(asset);
      writeFileSync(join(asset, 'index.cjs'), Code.ZipFile);
      symlinkSync(MODULES, join(asset, 'node_modules'));
    }
    assets.set(hash, asset);
    return [logicalId, { Type, Properties: { ...Properties, Code: { S3Key: hash } } }] as const;
  });
  const Declared = Object.fromEntries(withAssets) as Record<
    string,
    { Type: string; Properties: Record<string, unknown> }
  >;
  const stack = { name: 'Cases', template: { Resources: Declared, Parameters: {}, Outputs: {} } };
  return { stacks: [stack], assets };
}
