import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ResourceGraph } from './assembly/graph.ts';
import { readAssembly } from './assembly/template.ts';
import type { Clock } from './clock.ts';
import { EmulatedAccount } from './emulated-account.ts';
import type { Alarms } from './emulators/alarms.ts';
import { ApiGateway } from './emulators/api-gateway.ts';
import { type AccessKey, type Credentials, createCredentials } from './emulators/credentials.ts';
import type { Place, Resource } from './emulators/emulator.ts';
import type { Events } from './emulators/events.ts';
import { createFront } from './emulators/front.ts';
import type { InjectedFaults } from './emulators/injected-faults.ts';
import type { LambdaEmulator } from './emulators/lambda.ts';
import type { LogsEmulator } from './emulators/logs.ts';
import type { MetricStore } from './emulators/metrics.ts';
import type { Container } from './emulators/sagemaker.ts';
import type { StatesEmulator } from './emulators/states.ts';
import type { StateFolder } from './state-folder.ts';
import { ProcessReaper } from './workers/process-reaper.ts';

export interface LocalStackOptions {
  /** A synthesized cloud assembly. */
  readonly assembly: string;
  readonly state: StateFolder;
  readonly clock: Clock;
  /** Of the API; 0 for any. */
  readonly port: number;
  /** Execution environments of one function at once. */
  readonly environments?: number;
  readonly retryDelaysMs?: readonly number[];
  /** What answers behind SageMaker endpoints; without it every call fails and says so. */
  readonly container?: Container;
  /** Told of what went wrong behind the API; callers see a 5xx only. */
  readonly onFault: (fault: unknown) => void;
}

export interface LocalStack {
  readonly url: string;
  /** Where AWS SDK clients reach the emulated services. */
  readonly endpoint: string;
  readonly place: Place;
  readonly apiKeys: readonly string[];
  /** May do anything, as the person who deploys. */
  readonly operator: AccessKey;
  readonly graph: ResourceGraph;
  readonly metrics: MetricStore;
  readonly alarms: Alarms;
  readonly events: Events;
  readonly states: StatesEmulator;
  /** Has calls of functions fail as the services would fail them. */
  readonly injected: InjectedFaults;
  readonly logs: LogsEmulator;
  readonly lambda: LambdaEmulator;
  stop(): Promise<void>;
}

/** Stands for an account; AWS has none with this number. */
const PLACE: Place = { account: '000000000000', region: 'us-east-1' };
const OPERATOR_ARN = `arn:aws:iam::${PLACE.account}:user/operator`;

/** A laptop's share of Lambda: more would each take 70 MB and none of two cores. */
const ENVIRONMENTS = 4;
/** Lambda's own pauses before the second and third attempt. */
const RETRY_DELAYS_MS = [60_000, 120_000];
/** Frozen environments keep their connections; a server that closed them would fail the next call. */
const KEEP_ALIVE_MS = 600_000;

/** Runs a cloud assembly on this machine. */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { state, clock, onFault } = options;
  const credentials = createCredentials(state.secret);
  const services = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const endpoint = `http://127.0.0.1:${await listen(services, 0)}`;
  const reaper = new ProcessReaper();
  const account = new EmulatedAccount(
    {
      assembly: readAssembly(options.assembly),
      place: PLACE,
      state,
      clock,
      credentials,
      endpoint,
      environments: options.environments ?? ENVIRONMENTS,
      retryDelaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS,
      container: options.container ?? noContainer,
      reaper,
      onFault,
    },
    [OPERATOR_POLICY],
  );
  const { graph, authorizer, emulators, lambda, logs, metrics, events } = account;
  services.on(
    'request',
    createFront({ emulators, credentials, authorizer, place: PLACE, onFault }),
  );
  await account.start();
  const api = createApi(account, credentials, options);
  const gateway = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, api.listener);
  gateway.prependListener('request', account.serviceMetrics.answers(api.name, api.stage));
  return {
    url: `http://127.0.0.1:${await listen(gateway, options.port)}`,
    endpoint,
    place: PLACE,
    apiKeys: api.plans.keyValues,
    operator: credentials.issue({ kind: 'user', arn: OPERATOR_ARN }),
    graph,
    metrics,
    alarms: account.cloudWatch.alarms,
    events,
    states: account.states,
    injected: account.faults,
    logs,
    lambda,
    async stop() {
      await close(gateway);
      await account.stop();
      await close(services);
      reaper.stop();
    },
  };
}

function createApi(
  { graph: { resources }, authorizer, lambda }: EmulatedAccount,
  credentials: Credentials,
  { clock, state: { secret }, onFault }: LocalStackOptions,
): ApiGateway {
  return new ApiGateway(theApi(resources), resources, {
    place: PLACE,
    clock,
    secret,
    credentials,
    authorizer,
    invoke: (functionArn, payload, sourceArn) =>
      lambda.invokeAs('apigateway.amazonaws.com', functionArn, payload, sourceArn),
    onFault,
  });
}

/** The person at the keyboard, who has no role in the template. */
const OPERATOR_POLICY: Resource = {
  stack: 'local',
  logicalId: 'Operator',
  path: 'local/Operator',
  type: 'AWS::IAM::Policy',
  ref: 'operator',
  attributes: {},
  properties: {
    PolicyName: 'operator',
    PolicyDocument: {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Action: '*', Resource: '*' }],
    },
    Users: ['operator'],
  },
};

/** Images of containers are not run here. */
const noContainer: Container = async ({ image }) => ({
  status: 501,
  contentType: 'application/json',
  body: Buffer.from(
    JSON.stringify({
      error: `the local runner runs no container images, so ${image} does not answer`,
    }),
  ),
});

function theApi(resources: readonly Resource[]): Resource {
  const apis = resources.filter(({ type }) => type === 'AWS::ApiGateway::RestApi');
  if (apis[0] && apis.length === 1) return apis[0];
  throw new Error(`the assembly has ${apis.length} REST APIs; the local runner serves one`);
}

/** @returns the port. @throws when it is taken. */
async function listen(server: Server, port: number): Promise<number> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once('error', reject);
  server.listen(port, '127.0.0.1', resolve);
  await promise;
  return (server.address() as AddressInfo).port;
}

async function close(server: Server): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  server.close(() => resolve());
  server.closeAllConnections();
  await promise;
}
