import { buildGraph, type ResourceGraph } from './assembly/graph.ts';
import { type Assembly, assetIn } from './assembly/template.ts';
import type { Clock } from './clock.ts';
import { createStates, executionStarter } from './emulated-machines.ts';
import { API_GATEWAY_TYPES } from './emulators/api-gateway-types.ts';
import { type CloudWatch, createCloudWatch } from './emulators/cloudwatch.ts';
import type { AccessKey, Credentials } from './emulators/credentials.ts';
import { createBury, createDeliver, type Deliver } from './emulators/deliveries.ts';
import { createDynamoDb } from './emulators/dynamodb.ts';
import type { EmulatedType, Emulator, Place, Resource } from './emulators/emulator.ts';
import type { EventSourceMapping } from './emulators/event-source-mapping.ts';
import { EVENT_SOURCE_TYPES, startEventSources } from './emulators/event-sources.ts';
import { EventsEmulator, type EventsOptions } from './emulators/events.ts';
import { createFirehose } from './emulators/firehose.ts';
import { IAM_TYPES } from './emulators/iam-types.ts';
import { InjectedFaults } from './emulators/injected-faults.ts';
import { createKms } from './emulators/kms.ts';
import { LambdaEmulator } from './emulators/lambda.ts';
import { LogsEmulator } from './emulators/logs.ts';
import { MetricStore } from './emulators/metrics.ts';
import { type Authorizer, createAuthorizer } from './emulators/policy.ts';
import { createS3 } from './emulators/s3.ts';
import { type Container, createSageMaker } from './emulators/sagemaker.ts';
import { SchedulerEmulator } from './emulators/scheduler.ts';
import { ServiceMetrics, type TargetNamespace } from './emulators/service-metrics.ts';
import { SnsEmulator } from './emulators/sns.ts';
import { createSqs, type Sqs } from './emulators/sqs.ts';
import type { StatesEmulator } from './emulators/states.ts';
import { layerFolderFor } from './host-layer.ts';
import { missingLogPermissions, roleOf } from './log-permissions.ts';
import type { StateFolder } from './state-folder.ts';

export interface AccountOptions {
  readonly assembly: Assembly;
  readonly place: Place;
  readonly state: StateFolder;
  readonly clock: Clock;
  readonly credentials: Credentials;
  /** Where SDK clients reach the services. */
  readonly endpoint: string;
  /** Execution environments of one function at once. */
  readonly environments: number;
  readonly retryDelaysMs: readonly number[];
  readonly container: Container;
  /** Told of the processes that must not outlive this one. */
  readonly reaper: { watch(pid: number): void; forget(pid: number): void };
  readonly onFault: (fault: unknown) => void;
}

/** The emulated services, wired to each other and to the resources of an assembly. */
export class EmulatedAccount {
  readonly graph: ResourceGraph;
  readonly authorizer: Authorizer;
  readonly metrics = new MetricStore();
  readonly faults = new InjectedFaults();
  readonly logs: LogsEmulator;
  readonly lambda: LambdaEmulator;
  readonly events: EventsEmulator;
  readonly states: StatesEmulator;
  readonly cloudWatch: CloudWatch;
  readonly serviceMetrics: ServiceMetrics;
  readonly emulators: readonly Emulator[];
  readonly #options: AccountOptions;
  readonly #sqs: Sqs;
  readonly #sns: SnsEmulator;
  readonly #deliver: Deliver;
  /** What an earlier run left to deliver waits until everything has started. */
  readonly #ready = Promise.withResolvers<void>();
  #eventSources: readonly EventSourceMapping[] = [];

  /** @param extraPolicies for principals that the template does not know, such as the operator. */
  constructor(options: AccountOptions, extraPolicies: readonly Resource[]) {
    this.#options = options;
    const { faults } = this;
    const { state, place, clock, endpoint, container, onFault } = options;
    this.serviceMetrics = new ServiceMetrics(this.metrics, clock);
    this.logs = this.#createLogs();
    this.#sqs = createSqs({ folder: state.folder('sqs'), place, clock, endpoint, faults });
    this.lambda = this.#createLambda();
    this.#deliver = createDeliver({
      authorizer: () => this.authorizer,
      lambda: () => this.lambda,
      sqs: this.#sqs,
      topics: () => this.#sns,
      machines: () => executionStarter(this.states),
      ready: this.#ready.promise,
    });
    this.events = new EventsEmulator(this.#targetOptions('events', 'AWS/Events', 'RuleName'));
    this.#sns = new SnsEmulator({
      ...this.#targetOptions('sns', 'AWS/SNS', 'TopicName'),
      authorizer: () => this.authorizer,
    });
    this.states = createStates({
      folder: state.folder('states'),
      place,
      clock,
      authorizer: () => this.authorizer,
      lambda: this.lambda,
      events: this.events,
      onFault,
    });
    this.cloudWatch = this.#createCloudWatch();
    const s3 = createS3({ folder: state.folder('s3'), place, clock });
    this.emulators = [
      createDynamoDb({ folder: state.folder('dynamodb'), place, clock, faults, onFault }),
      s3,
      createKms({ folder: state.folder('kms'), place }),
      this.#sqs,
      createSageMaker({ folder: state.folder('sagemaker'), place, clock, container }),
      createFirehose({
        folder: state.folder('firehose'),
        place,
        clock,
        authorizer: () => this.authorizer,
        s3,
        faults,
        onFault,
      }),
      this.logs,
      this.#sns,
      this.events,
      this.lambda,
      this.states,
      new SchedulerEmulator(this.#targetOptions('scheduler', 'AWS/Scheduler', 'ScheduleName')),
      this.cloudWatch,
    ];
    this.graph = buildGraph(options.assembly, this.#types(), place);
    this.authorizer = createAuthorizer([...this.graph.resources, ...extraPolicies], place);
  }

  async start(): Promise<void> {
    const { resources } = this.graph;
    for (const emulator of this.emulators)
      await emulator.start(resources.filter(({ type }) => Object.hasOwn(emulator.types, type)));
    const { place, clock, onFault } = this.#options;
    missingLogPermissions(resources, this.authorizer, place).forEach(onFault);
    this.#eventSources = startEventSources(resources, {
      place,
      clock,
      authorizer: this.authorizer,
      queue: (queueArn) => this.#sqs.queue(queueArn),
      invoke: (functionArn, payload) => this.lambda.invokeForSource(functionArn, payload),
      onFault,
    });
    this.#ready.resolve();
  }

  /** Functions first: nobody may call the other services any more. */
  async stop(): Promise<void> {
    const polling = this.#eventSources.map((mapping) => mapping.stop());
    await this.lambda.stop();
    await Promise.all(polling);
    for (const emulator of this.emulators.toReversed())
      if (emulator !== this.lambda) await emulator.stop();
  }

  #types(): Map<string, EmulatedType> {
    const declared = [
      ...this.emulators.map(({ types }) => types),
      IAM_TYPES,
      API_GATEWAY_TYPES,
      EVENT_SOURCE_TYPES,
    ];
    return new Map(declared.flatMap((types) => Object.entries(types)));
  }

  #createLogs(): LogsEmulator {
    const { state, place, clock, onFault } = this.#options;
    return new LogsEmulator({
      folder: state.folder('logs'),
      place,
      clock,
      onEvent: (group, { message }) => {
        const problem = this.metrics.extract(message);
        if (problem) onFault(new Error(`embedded metrics in ${group}: ${problem}`));
      },
      deliver: async (functionArn, payload, sourceArn) =>
        this.lambda.enqueueAs('logs.amazonaws.com', functionArn, payload, sourceArn),
      onFault,
    });
  }

  #createLambda(): LambdaEmulator {
    const { assembly, state, clock, credentials, endpoint, place, reaper, onFault } = this.#options;
    return new LambdaEmulator({
      folder: state.folder('lambda'),
      clock,
      authorizer: () => this.authorizer,
      environments: this.#options.environments,
      retryDelaysMs: this.#options.retryDelaysMs,
      assetFolder: (property) => assetIn(property, assembly.assets),
      layerFolder: (layer) =>
        layerFolderFor(layer, assetIn(layer.properties['Content'], assembly.assets)),
      ambient: (arn, sessionName) =>
        ambientVariables(credentials.issue({ kind: 'role', arn, sessionName }), endpoint, place),
      onLine: (group, stream, line) => this.logs.append(group, stream, line),
      onStart: (pid) => reaper.watch(pid),
      onExit: (pid) => reaper.forget(pid),
      onFailure: (destinationArn, record, functionArn) =>
        this.#deliverFailure(destinationArn, record, functionArn),
      onInvocation: (name, invocation) => this.serviceMetrics.invocation(name, invocation),
      onFault,
    });
  }

  /** What services that call targets need. @param dimension of the metric of their failures. */
  #targetOptions(folder: string, namespace: TargetNamespace, dimension: string): EventsOptions {
    const { state, place, clock, onFault } = this.#options;
    return {
      faults: this.faults,
      folder: state.folder(folder),
      place,
      clock,
      deliver: this.#deliver,
      bury: createBury({ authorizer: () => this.authorizer, sqs: this.#sqs }),
      onFailure: ({ sender: { sourceArn }, targetArn }, failure) => {
        const name = sourceArn.split(/[/:]/).at(-1) ?? '';
        this.serviceMetrics.failedTarget(namespace, { [dimension]: name });
        onFault(new Error(`${sourceArn} could not reach ${targetArn}: ${failure.message}`));
      },
      onFault,
    };
  }

  #createCloudWatch(): CloudWatch {
    const { state, place, clock, onFault } = this.#options;
    return createCloudWatch({
      folder: state.folder('cloudwatch'),
      place,
      clock,
      metrics: this.metrics,
      beforeEvaluation: (atMs) => this.serviceMetrics.queues(this.#sqs.all(), atMs),
      putEvent: (event) => this.events.putServiceEvent(event),
      deliver: this.#deliver,
      onFault,
    });
  }

  /** With the permissions of the function that failed, as Lambda sends to its destinations. */
  async #deliverFailure(queueArn: string, body: string, functionArn: string): Promise<void> {
    const failed = this.graph.resources.find(
      ({ type, attributes }) =>
        type === 'AWS::Lambda::Function' && attributes['Arn'] === functionArn,
    );
    const role = roleOf(failed);
    await this.#sqs.deliver(queueArn, { body, sender: role.arn }, (action, resource, context) =>
      this.authorizer.authorize(role, action, resource, context),
    );
  }
}

const ambientVariables = (
  { accessKeyId, secretAccessKey, sessionToken }: AccessKey,
  endpoint: string,
  { region }: Place,
): Record<string, string> => ({
  AWS_ENDPOINT_URL: endpoint,
  AWS_REGION: region,
  AWS_ACCESS_KEY_ID: accessKeyId,
  AWS_SECRET_ACCESS_KEY: secretAccessKey,
  ...(sessionToken !== undefined && { AWS_SESSION_TOKEN: sessionToken }),
});
