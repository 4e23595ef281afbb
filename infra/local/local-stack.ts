import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buildGraph, type ResourceGraph } from './assembly/graph.ts';
import { assetIn, readAssembly } from './assembly/template.ts';
import type { Clock } from './clock.ts';
import { ApiGateway } from './emulators/api-gateway.ts';
import { API_GATEWAY_TYPES } from './emulators/api-gateway-types.ts';
import { type AccessKey, createCredentials } from './emulators/credentials.ts';
import { createDynamoDb } from './emulators/dynamodb.ts';
import type { EmulatedType, Emulator, Place, Resource } from './emulators/emulator.ts';
import { createFront } from './emulators/front.ts';
import { IAM_TYPES } from './emulators/iam-types.ts';
import { createKms } from './emulators/kms.ts';
import { LambdaEmulator } from './emulators/lambda.ts';
import { LogsEmulator } from './emulators/logs.ts';
import { MetricStore } from './emulators/metrics.ts';
import { type Authorizer, createAuthorizer } from './emulators/policy.ts';
import { createS3 } from './emulators/s3.ts';
import { type Container, createSageMaker } from './emulators/sagemaker.ts';
import { createSqs } from './emulators/sqs.ts';
import { layerFolderFor } from './host-layer.ts';
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
  readonly logs: LogsEmulator;
  readonly lambda: LambdaEmulator;
  stop(): Promise<void>;
}

/** Stands for an account; AWS has none with this number. */
const PLACE: Place = { account: '000000000000', region: 'us-east-1' };

/** A laptop's share of Lambda: more would each take 70 MB and none of two cores. */
const ENVIRONMENTS = 4;
/** Lambda's own pauses before the second and third attempt. */
const RETRY_DELAYS_MS = [60_000, 120_000];
/** Frozen environments keep their connections; a server that closed them would fail the next call. */
const KEEP_ALIVE_MS = 600_000;

/** Runs a cloud assembly on this machine. */
export async function startLocalStack(options: LocalStackOptions): Promise<LocalStack> {
  const { state, clock, onFault } = options;
  const assembly = readAssembly(options.assembly);
  const credentials = createCredentials(state.secret);
  const services = createServer({ keepAliveTimeout: KEEP_ALIVE_MS });
  const endpoint = `http://127.0.0.1:${await listen(services, 0)}`;
  const reaper = new ProcessReaper();
  const metrics = new MetricStore();
  const wiring = { authorizer: undefined as Authorizer | undefined };
  const authorizer = (): Authorizer => {
    if (!wiring.authorizer)
      throw new Error('an emulated service was called before the policies were read');
    return wiring.authorizer;
  };

  const logs = new LogsEmulator({
    folder: state.folder('logs'),
    place: PLACE,
    clock,
    onEvent: (group, { message }) => {
      const problem = metrics.extract(message);
      if (problem) onFault(new Error(`embedded metrics in ${group}: ${problem}`));
    },
    deliver: async (functionArn, payload, sourceArn) =>
      lambda.enqueueAs('logs.amazonaws.com', functionArn, payload, sourceArn),
    onFault,
  });
  const sqs = createSqs({ folder: state.folder('sqs'), place: PLACE, clock, endpoint });
  const lambda = new LambdaEmulator({
    folder: state.folder('lambda'),
    clock,
    authorizer,
    environments: options.environments ?? ENVIRONMENTS,
    retryDelaysMs: options.retryDelaysMs ?? RETRY_DELAYS_MS,
    assetFolder: (property) => assetIn(property, assembly.assets),
    layerFolder: (layer) =>
      layerFolderFor(layer, assetIn(layer.properties['Content'], assembly.assets)),
    ambient: (roleArn, name) =>
      ambientVariables(
        credentials.issue({ kind: 'role', arn: roleArn, sessionName: name }),
        endpoint,
      ),
    onLine: (group, stream, line) => logs.append(group, stream, line),
    onStart: (pid) => reaper.watch(pid),
    onExit: (pid) => reaper.forget(pid),
    onFailure: async (destinationArn, body, functionArn) => {
      const role = roleOf(functionArn, graph.resources);
      await sqs.deliver(destinationArn, { body, sender: role.arn }, (action, resource, context) =>
        authorizer().authorize(role, action, resource, context),
      );
    },
    onFault,
  });
  const emulators: Emulator[] = [
    createDynamoDb({ folder: state.folder('dynamodb'), place: PLACE, clock, onFault }),
    createS3({ folder: state.folder('s3'), place: PLACE, clock }),
    createKms({ folder: state.folder('kms'), place: PLACE }),
    sqs,
    createSageMaker({
      folder: state.folder('sagemaker'),
      place: PLACE,
      clock,
      container: options.container ?? noContainer,
    }),
    logs,
    lambda,
  ];

  const types = new Map<string, EmulatedType>([
    ...emulators.flatMap((emulator) => Object.entries(emulator.types)),
    ...Object.entries(IAM_TYPES),
    ...Object.entries(API_GATEWAY_TYPES),
  ]);
  const graph = buildGraph(assembly, types, PLACE);
  wiring.authorizer = createAuthorizer([...graph.resources, OPERATOR_POLICY], PLACE);
  services.on(
    'request',
    createFront({ emulators, credentials, authorizer: wiring.authorizer, place: PLACE, onFault }),
  );
  for (const emulator of emulators)
    await emulator.start(graph.resources.filter(({ type }) => Object.hasOwn(emulator.types, type)));
  checkLogPermissions(graph.resources, authorizer(), onFault);

  const api = new ApiGateway(theApi(graph.resources), graph.resources, {
    place: PLACE,
    clock,
    secret: state.secret,
    credentials,
    authorizer: authorizer(),
    invoke: (functionArn, payload, sourceArn) =>
      lambda.invokeAs('apigateway.amazonaws.com', functionArn, payload, sourceArn),
    onFault,
  });
  const gateway = createServer({ keepAliveTimeout: KEEP_ALIVE_MS }, api.listener);
  const url = `http://127.0.0.1:${await listen(gateway, options.port)}`;
  return {
    url,
    endpoint,
    place: PLACE,
    apiKeys: api.plans.keyValues,
    operator: credentials.issue({ kind: 'user', arn: OPERATOR_ARN }),
    graph,
    metrics,
    logs,
    lambda,
    async stop() {
      await close(gateway);
      await lambda.stop();
      for (const emulator of emulators.toReversed()) if (emulator !== lambda) await emulator.stop();
      await close(services);
      reaper.stop();
    },
  };
}

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

const OPERATOR_ARN = `arn:aws:iam::${PLACE.account}:user/operator`;

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

const ambientVariables = (
  { accessKeyId, secretAccessKey, sessionToken }: AccessKey,
  endpoint: string,
): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: PLACE.region,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
});

function roleOf(functionArn: string, resources: readonly Resource[]) {
  const found = resources.find(
    ({ type, attributes }) => type === 'AWS::Lambda::Function' && attributes['Arn'] === functionArn,
  );
  return {
    kind: 'role',
    arn: String(found?.properties['Role']),
    sessionName: found?.ref ?? '',
  } as const;
}

function theApi(resources: readonly Resource[]): Resource {
  const [api, ...others] = resources.filter(({ type }) => type === 'AWS::ApiGateway::RestApi');
  if (!api || others.length > 0)
    throw new Error(
      `the assembly has ${others.length + (api ? 1 : 0)} REST APIs; the local runner serves one`,
    );
  return api;
}

/** On AWS a function that may not write its log loses it in silence. */
function checkLogPermissions(
  resources: readonly Resource[],
  authorizer: Authorizer,
  onFault: (fault: unknown) => void,
): void {
  for (const { type, ref, properties, path } of resources) {
    if (type !== 'AWS::Lambda::Function') continue;
    const config = properties['LoggingConfig'];
    const group =
      typeof config === 'object' && config !== null && 'LogGroup' in config
        ? String(config.LogGroup)
        : `/aws/lambda/${ref}`;
    const role = { kind: 'role', arn: String(properties['Role']), sessionName: ref } as const;
    const decision = authorizer.decide(
      role,
      'logs:PutLogEvents',
      `arn:aws:logs:${PLACE.region}:${PLACE.account}:log-group:${group}:log-stream:any`,
    );
    if (decision.kind === 'refused')
      onFault(new Error(`${path} may not write its log: ${decision.message}`));
  }
}

/** @returns the port. @throws naming the port when it is taken. */
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
