import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  type CreateModelCommandInput,
  DescribeEndpointCommand,
  ListModelsCommand,
  SageMakerClient,
} from '@aws-sdk/client-sagemaker';
import {
  InvokeEndpointAsyncCommand,
  InvokeEndpointCommand,
  SageMakerRuntimeClient,
} from '@aws-sdk/client-sagemaker-runtime';
import { afterAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import type { Container } from '../../infra/local/emulators/sagemaker.ts';
import {
  type EmulatedAccount,
  PLACE,
  role,
  roleArn,
  startAccount,
} from '../builders/emulated-account.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { sageMakerCases } from '../cases/sagemaker.case.ts';

const host = role('host');
const operator = role('operator', ['sagemaker:*'], ['iam:PassRole', roleArn('host')]);

const echo: Container = async (_model, { body, contentType }) => {
  const { fail } = JSON.parse(body.toString()) as { fail?: number };
  if (fail === undefined) return { status: 200, body, contentType };
  return { status: fail, body: Buffer.from('broken'), contentType: 'text/plain' };
};

// Nearly stands still, so that no endpoint is ready before its time is passed over.
const sharedClock = new VirtualClock(0, 0.001);
const shared = await startAccount([host, operator], { clock: sharedClock, container: echo });
afterAll(() => shared[Symbol.asyncDispose]());
sageMakerCases('emulator', async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('operator'),
  echoImage: 'echo',
  executionRoleArn: roleArn('host'),
  instanceType: 'ml.m5.large',
  patienceMs: 5000,
  passTime: () => sharedClock.advance(6000),
}));

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

function clientsOf(account: EmulatedAccount, roleName = 'operator') {
  const { endpoint, region, keysOf } = account;
  const settings = { endpoint, region, credentials: keysOf(roleName), maxAttempts: 1 };
  return { control: new SageMakerClient(settings), runtime: new SageMakerRuntimeClient(settings) };
}

const model = (more: Partial<CreateModelCommandInput> = {}) =>
  new CreateModelCommand({
    ModelName: 'm',
    ExecutionRoleArn: roleArn('host'),
    PrimaryContainer: { Image: 'triton' },
    ...more,
  });

/** An account with one endpoint in service, whose container is given. */
async function startEndpoint(container: Container, more: { invocationTimeoutMs?: number } = {}) {
  const clock = new VirtualClock(0);
  const account = await startAccount([host, operator], { clock, container, ...more });
  const { control } = clientsOf(account);
  await control.send(
    model({
      PrimaryContainer: {
        Image: 'triton',
        Environment: { MODEL: 'm' },
        ModelDataSource: {
          S3DataSource: {
            S3Uri: 's3://b/artifacts/1/',
            S3DataType: 'S3Prefix',
            CompressionType: 'None',
          },
        },
      },
    }),
  );
  const ServerlessConfig = { MemorySizeInMB: 1024, MaxConcurrency: 1 };
  await control.send(
    new CreateEndpointConfigCommand({
      EndpointConfigName: 'c',
      ProductionVariants: [{ VariantName: 'v', ModelName: 'm', ServerlessConfig }],
    }),
  );
  await control.send(new CreateEndpointCommand({ EndpointName: 'e', EndpointConfigName: 'c' }));
  clock.advance(6000);
  return account;
}

const invoke = ({ runtime }: ReturnType<typeof clientsOf>, Body: Uint8Array | string = 'x') =>
  runtime.send(new InvokeEndpointCommand({ EndpointName: 'e', Body: Buffer.from(Body) }));

describe('permissions', () => {
  test('a missing one answers 403 and names principal, action and resource', async () => {
    await using account = await startAccount([role('viewer', ['sagemaker:DescribeEndpoint'])]);
    const clients = clientsOf(account, 'viewer');
    const denied = (action: string, arn: string) => ({
      name: 'AccessDeniedException',
      message: expect.stringContaining(
        `assumed-role/viewer/test is not authorized to perform: ${action} on resource: arn:aws:sagemaker:${PLACE.region}:${PLACE.account}:${arn}`,
      ),
      $metadata: { httpStatusCode: 403 },
    });
    await expect(clients.control.send(model())).rejects.toMatchObject(
      denied('sagemaker:CreateModel', 'model/m'),
    );
    await expect(invoke(clients)).rejects.toMatchObject(
      denied('sagemaker:InvokeEndpoint', 'endpoint/e'),
    );
  });

  test('a role must be passed to SageMaker, and to nothing else', async () => {
    const passing = (service: string) =>
      [
        'iam:PassRole',
        roleArn('host'),
        { StringEquals: { 'iam:PassedToService': service } },
      ] as const;
    await using account = await startAccount([
      host,
      role('right', ['sagemaker:*'], passing('sagemaker.amazonaws.com')),
      role('wrong', ['sagemaker:*'], passing('lambda.amazonaws.com')),
    ]);
    await expect(clientsOf(account, 'wrong').control.send(model())).rejects.toThrow(
      `iam:PassRole on resource: ${roleArn('host')}`,
    );
    await expect(clientsOf(account, 'right').control.send(model())).resolves.toBeDefined();
  });
});

describe('an endpoint', () => {
  test('gives its container the model it stands for', async () => {
    const seen: unknown[] = [];
    await using account = await startEndpoint(async (hosted, request) => {
      seen.push(hosted, request);
      return { status: 200, body: Buffer.from([0, 255]), contentType: 'application/octet-stream' };
    });
    const { Body } = await invoke(clientsOf(account), new Uint8Array([1, 2]));
    expect(Buffer.from(Body ?? [])).toEqual(Buffer.from([0, 255]));
    expect(seen).toEqual([
      {
        name: 'm',
        image: 'triton',
        modelDataUrl: 's3://b/artifacts/1/',
        environment: { MODEL: 'm' },
      },
      { body: Buffer.from([1, 2]), contentType: 'application/octet-stream' },
    ]);
  });

  test('refuses more at once than its concurrency', async () => {
    const begun = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    await using account = await startEndpoint(async (_, { body, contentType }) => {
      begun.resolve();
      await released.promise;
      return { status: 200, body, contentType };
    });
    const clients = clientsOf(account);
    const first = invoke(clients);
    await begun.promise;
    await expect(invoke(clients)).rejects.toMatchObject({
      name: 'ThrottlingException',
      $metadata: { httpStatusCode: 429 },
    });
    released.resolve();
    await expect(first).resolves.toBeDefined();
    await expect(invoke(clients)).resolves.toBeDefined();
  });

  test('gives up on a container that does not answer', async () => {
    const never = () => new Promise<never>(() => {});
    await using account = await startEndpoint(never, { invocationTimeoutMs: 50 });
    await expect(invoke(clientsOf(account))).rejects.toMatchObject({
      name: 'ModelError',
      OriginalStatusCode: 0,
      OriginalMessage: expect.stringContaining('invocation timed out'),
    });
  });

  test('refuses a body above 4 MB before its container sees it', async () => {
    await using account = await startEndpoint(echo);
    await expect(
      invoke(clientsOf(account), new Uint8Array(4 * 1024 ** 2 + 1)),
    ).rejects.toMatchObject({
      $metadata: { httpStatusCode: 413 },
    });
  });

  test('tells the runner, not the caller, when its container throws', async () => {
    await using account = await startEndpoint(async () => {
      throw new Error('a secret of the runner');
    });
    const failure: unknown = await invoke(clientsOf(account)).catch((reason: unknown) => reason);
    expect(failure).toMatchObject({ name: 'InternalFailure', $metadata: { httpStatusCode: 500 } });
    expect(failure).not.toMatchObject({ message: expect.stringContaining('secret') });
    expect(account.faults).toEqual([
      expect.objectContaining({ message: 'a secret of the runner' }),
    ]);
  });
});

test('endpoints outlive a restart', async () => {
  await using folder = await temporaryFolder();
  const clock = new VirtualClock(0);
  {
    await using account = await startAccount([host, operator], { clock, ...folder });
    const { control } = clientsOf(account);
    await control.send(model());
    await control.send(
      new CreateEndpointConfigCommand({
        EndpointConfigName: 'c',
        ProductionVariants: [
          {
            VariantName: 'v',
            ModelName: 'm',
            InstanceType: 'ml.m5.large',
            InitialInstanceCount: 2,
          },
        ],
      }),
    );
    await control.send(new CreateEndpointCommand({ EndpointName: 'e', EndpointConfigName: 'c' }));
  }
  clock.advance(6000);
  await using account = await startAccount([host, operator], { clock, ...folder });
  const described = await clientsOf(account).control.send(
    new DescribeEndpointCommand({ EndpointName: 'e' }),
  );
  expect(described).toMatchObject({
    EndpointStatus: 'InService',
    EndpointConfigName: 'c',
    ProductionVariants: [{ VariantName: 'v', CurrentInstanceCount: 2 }],
  });
});

describe('what is not emulated is refused', () => {
  test('a parameter, which is named', async () => {
    const VpcConfig = { SecurityGroupIds: ['sg'], Subnets: ['subnet'] };
    await expect(clientsOf(shared).control.send(model({ VpcConfig }))).rejects.toThrow('VpcConfig');
  });

  test('an operation of the control plane and one of the runtime, which answer 501', async () => {
    const { control, runtime } = clientsOf(shared);
    await expect(control.send(new ListModelsCommand({}))).rejects.toMatchObject({
      message: expect.stringContaining('SageMaker.ListModels is not emulated'),
      $metadata: { httpStatusCode: 501 },
    });
    const asynchronous = new InvokeEndpointAsyncCommand({
      EndpointName: 'e',
      InputLocation: 's3://b/k',
    });
    await expect(runtime.send(asynchronous)).rejects.toMatchObject({
      message: expect.stringContaining('/endpoints/e/async-invocations is not emulated'),
    });
  });
});
