import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Clock } from '../../infra/local/clock.ts';
import { VirtualClock } from '../../infra/local/clock.ts';
import { type CloudWatch, createCloudWatch } from '../../infra/local/emulators/cloudwatch.ts';
import { type AccessKey, createCredentials } from '../../infra/local/emulators/credentials.ts';
import { createBury, createDeliver } from '../../infra/local/emulators/deliveries.ts';
import { createDynamoDb, type DynamoDb } from '../../infra/local/emulators/dynamodb.ts';
import type { EmulatedType, Place, Resource } from '../../infra/local/emulators/emulator.ts';
import { EventsEmulator } from '../../infra/local/emulators/events.ts';
import { createFirehose } from '../../infra/local/emulators/firehose.ts';
import { createFront } from '../../infra/local/emulators/front.ts';
import { IAM_TYPES } from '../../infra/local/emulators/iam-types.ts';
import { InjectedFaults } from '../../infra/local/emulators/injected-faults.ts';
import { createKms } from '../../infra/local/emulators/kms.ts';
import { LAMBDA_TYPES } from '../../infra/local/emulators/lambda-types.ts';
import { MetricStore } from '../../infra/local/emulators/metrics.ts';
import { physicalUuid } from '../../infra/local/emulators/physical-name.ts';
import { type Authorizer, createAuthorizer } from '../../infra/local/emulators/policy.ts';
import { createS3 } from '../../infra/local/emulators/s3.ts';
import { type Container, createSageMaker } from '../../infra/local/emulators/sagemaker.ts';
import { SchedulerEmulator } from '../../infra/local/emulators/scheduler.ts';
import { SnsEmulator } from '../../infra/local/emulators/sns.ts';
import { createSqs, type Sqs } from '../../infra/local/emulators/sqs.ts';

export const PLACE: Place = { account: '123456789012', region: 'eu-west-1' };
/** Stands for the address that only a listening server has. */
const ENDPOINT = 'http://127.0.0.1:1';

type Properties = Readonly<Record<string, unknown>>;
/** `[type, logicalId, properties]`; references are written out, as `arn:…` or a physical name. */
export type Declaration = readonly [type: string, logicalId: string, properties: Properties];

export interface EmulatedAccount {
  readonly endpoint: string;
  readonly region: string;
  readonly folder: string;
  readonly dynamodb: DynamoDb;
  readonly sqs: Sqs;
  readonly injected: InjectedFaults;
  readonly metrics: MetricStore;
  readonly cloudWatch: CloudWatch;
  readonly events: EventsEmulator;
  /** What functions were invoked with asynchronously, as `[ARN, payload]`. */
  readonly invoked: readonly (readonly [functionArn: string, payload: string])[];
  /** Executions that were started, as `[ARN, input, name]`. */
  readonly started: readonly (readonly [machineArn: string, input: string, name: string])[];
  readonly resources: readonly Resource[];
  readonly authorizer: Authorizer;
  /** What was not the caller's fault; a test that expects none asserts that it is empty. */
  readonly faults: readonly unknown[];
  /** Keys of a role of the template, by its name. */
  readonly keysOf: (roleName: string) => AccessKey;
  [Symbol.asyncDispose](): Promise<void>;
}

export interface AccountOptions {
  readonly folder?: string;
  readonly clock?: Clock;
  readonly container?: Container;
  readonly invocationTimeoutMs?: number;
}

/** Every emulator of this folder behind one front, over a state folder of its own. */
export async function startAccount(
  declarations: readonly Declaration[],
  options: AccountOptions = {},
): Promise<EmulatedAccount> {
  const folder = options.folder ?? (await mkdtemp(join(tmpdir(), 'slipway-emulators-')));
  const clock = options.clock ?? new VirtualClock(Date.now());
  const faults: unknown[] = [];
  const onFault = (fault: unknown) => faults.push(fault);
  const injected = new InjectedFaults();
  const dynamodb = createDynamoDb({
    folder: join(folder, 'dynamodb'),
    place: PLACE,
    clock,
    faults: injected,
    onFault,
  });
  const sqs = createSqs({ folder: join(folder, 'sqs'), place: PLACE, clock, endpoint: ENDPOINT });
  const invoked: [string, string][] = [];
  const started: [string, string, string][] = [];
  const metrics = new MetricStore();
  const places = { place: PLACE, clock, onFault };
  const deliver = createDeliver({
    authorizer: () => authorizer,
    lambda: () => ({ enqueue: (...invocation) => void invoked.push(invocation) }),
    sqs,
    topics: () => sns,
    machines: () => ({
      startExecution: async (...execution) => void started.push(execution),
    }),
  });
  const bury = createBury({ authorizer: () => authorizer, sqs });
  const targets = {
    ...places,
    deliver,
    bury,
    onFailure: (_: unknown, failure: unknown) => faults.push(failure),
  };
  const sns = new SnsEmulator({
    ...targets,
    folder: join(folder, 'sns'),
    authorizer: () => authorizer,
  });
  const events = new EventsEmulator({ ...targets, folder: join(folder, 'events') });
  const cloudWatch = createCloudWatch({
    ...places,
    folder: join(folder, 'cloudwatch'),
    metrics,
    beforeEvaluation: () => undefined,
    putEvent: (event) => events.putServiceEvent(event),
    deliver,
  });
  const s3 = createS3({ folder: join(folder, 's3'), place: PLACE, clock });
  const emulators = [
    dynamodb,
    sqs,
    s3,
    createFirehose({
      ...places,
      folder: join(folder, 'firehose'),
      authorizer: () => authorizer,
      s3,
      faults: injected,
    }),
    createKms({ folder: join(folder, 'kms'), place: PLACE }),
    createSageMaker({
      folder: join(folder, 'sagemaker'),
      place: PLACE,
      clock,
      container: options.container ?? noContainer,
      ...(options.invocationTimeoutMs && { invocationTimeoutMs: options.invocationTimeoutMs }),
    }),
    sns,
    events,
    new SchedulerEmulator({ ...targets, folder: join(folder, 'scheduler') }),
    cloudWatch,
  ];
  const types = Object.assign(
    { ...IAM_TYPES, ...LAMBDA_TYPES },
    ...emulators.map((emulator) => emulator.types),
  );
  const resources = declarations.map((declaration) => declare(declaration, types));
  const authorizer = createAuthorizer(resources, PLACE);
  // One that refuses to start must not leave the others writing into a folder that goes.
  await using starting = new AsyncDisposableStack();
  for (const emulator of emulators) {
    await emulator.start(resources);
    starting.defer(() => emulator.stop());
  }

  const credentials = createCredentials('the secret of a test');
  const server = createServer(
    createFront({ emulators, credentials, authorizer, place: PLACE, onFault }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const running = starting.move();
  return {
    endpoint: `http://127.0.0.1:${port}`,
    region: PLACE.region,
    folder,
    dynamodb,
    sqs,
    injected,
    metrics,
    cloudWatch,
    events,
    invoked,
    started,
    resources,
    authorizer,
    faults,
    keysOf: (roleName) =>
      credentials.issue({ kind: 'role', arn: roleArn(roleName), sessionName: 'test' }),
    async [Symbol.asyncDispose]() {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
      await running.disposeAsync();
      if (options.folder === undefined) await rm(folder, { recursive: true });
    },
  };
}

function noContainer(): ReturnType<Container> {
  throw new Error('this account has no container');
}

/** A resource as the runner would hand it to an emulator. */
export function declare(
  [type, logicalId, properties]: Declaration,
  types: Readonly<Record<string, EmulatedType>>,
): Resource {
  const declared = { stack: 'Test', logicalId, path: `Test/${logicalId}`, type, properties };
  const identity = types[type]?.identify(declared, PLACE) ?? { ref: logicalId, attributes: {} };
  return { ...declared, ...identity };
}

export function roleArn(roleName: string): string {
  return `arn:aws:iam::${PLACE.account}:role/${roleName}`;
}

/** A key whose policy leaves its use to identity policies, as the CDK writes it. */
export const KEY: Declaration = [
  'AWS::KMS::Key',
  'Key',
  {
    KeyPolicy: {
      Statement: {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${PLACE.account}:root` },
        Action: 'kms:*',
        Resource: '*',
      },
    },
  },
];
export const KEY_ID = keyIdOf('Key');
export const KEY_ARN = `arn:aws:kms:${PLACE.region}:${PLACE.account}:key/${KEY_ID}`;

/** The id that a key of the template gets. */
export function keyIdOf(logicalId: string): string {
  const declared = { stack: 'Test', logicalId, path: '', type: 'AWS::KMS::Key', properties: {} };
  return physicalUuid(declared);
}

export function bucket(BucketName: string, properties: Properties = {}): Declaration {
  return ['AWS::S3::Bucket', BucketName, { BucketName, ...properties }];
}

/** A role that may do the given actions on the given resources. */
export function role(
  RoleName: string,
  ...statements: readonly (readonly [
    actions: string | readonly string[],
    resources?: unknown,
    condition?: object,
  ])[]
): Declaration {
  const Statement = statements.map(([Action, Resource = '*', Condition = {}]) => ({
    Effect: 'Allow',
    Action,
    Resource,
    Condition,
  }));
  const Policies = statements.length === 0 ? [] : [{ PolicyDocument: { Statement } }];
  return ['AWS::IAM::Role', RoleName, { RoleName, Policies }];
}
