import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Alias, FunctionUrlAuthType, type IFunction } from 'aws-cdk-lib/aws-lambda';
import { FilterPattern, SubscriptionFilter } from 'aws-cdk-lib/aws-logs';
import { LambdaDestination } from 'aws-cdk-lib/aws-logs-destinations';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Duration, NestedStack, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { sealingContext } from '../../functions/contracts/prediction-line.ts';
import { CatalogEnv, ServeEnv } from '../../functions/serve/env.ts';
import { acknowledge, importedPatternFinding, patternFinding } from '../acknowledgements.ts';
import type { Api } from '../api.ts';
import type { Config } from '../config.ts';
import { failureAlarm, functionFailures } from '../failure-alarm.ts';
import { ARCHITECTURES, onnxRuntimeLayer } from '../onnxruntime-layer.ts';
import { sageMakerNamePrefix } from '../sagemaker-hosting.ts';
import { type Invocation, ServiceFunction } from '../service-function.ts';
import type { LogRecorder } from './record.ts';

export interface ServeProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly api: Api;
  readonly key: IKey;
  readonly sealingKey: IKey;
  readonly hashKey: IKey;
  readonly artifacts: Bucket;
  readonly versions: TableV2;
  readonly routes: TableV2;
  readonly deadLetters: Queue;
  readonly recorder: LogRecorder;
}

/** A request becomes a prediction: one function a model, and one that knows which models there are. */
export class Serve extends Construct {
  readonly catalog: ServiceFunction;
  /** By name. */
  readonly models: ReadonlyMap<string, ServedModel>;

  constructor(scope: Construct, id: string, props: ServeProps) {
    super(scope, id);
    this.models = new Map(
      props.specs.map((spec) => {
        // Layers are asked of the parent, so that one serves all models.
        const layer = onnxRuntimeLayer(Stack.of(this), architectureOf(spec));
        return [spec.name, new ServedModel(this, spec.name, { ...props, spec, layer })];
      }),
    );
    this.catalog = this.#catalog(props);
  }

  #catalog({ config, specs, api, key, routes }: ServeProps): ServiceFunction {
    const catalog = new ServiceFunction(this, 'Catalog', {
      handler: 'serve/catalog',
      description: 'Server metadata, health, the list of models and the API description',
      env: CatalogEnv,
      environment: { ROUTE_TABLE: routes.tableName },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
    });
    routes.grant(catalog, 'dynamodb:GetItem');
    key.grantDecrypt(catalog);
    // A model without a spec has no path of its own; the variable catches its name for a proper 404.
    for (const path of [
      'v2',
      'v2/health/{proxy+}',
      'v2/models',
      'v2/models/{model}',
      'v2/models/{model}/{proxy+}',
      'v1/models/{model}/{proxy+}',
      'openapi.json',
    ])
      api.route(path, ['ANY'], catalog, 'callers');
    for (const prefix of ['v1/*', 'v2*', 'openapi.json'])
      api.admitTo(catalog, `Admit-${prefix}`, prefix);
    return catalog;
  }
}

const architectureOf = ({ runtime }: ModelSpec) =>
  runtime.kind === 'lambda' ? runtime.architecture : 'x86_64';

interface ServedModelProps extends ServeProps {
  readonly spec: ModelSpec;
  readonly layer: ReturnType<typeof onnxRuntimeLayer>;
}

/** One model's functions, in a nested stack of their own: 30 models do not fit one template. */
export class ServedModel extends NestedStack {
  readonly server: ServiceFunction;
  /** Answers off the record, in the server's configuration. */
  readonly trial: ServiceFunction;

  constructor(scope: Construct, id: string, props: ServedModelProps) {
    super(scope, id, { description: `Slipway: serves ${id}` });
    const { spec, api } = props;
    this.server = this.#server(props);
    const target = this.#provisioned(spec);
    for (const path of [`v1/models/${id}/{proxy+}`, `v2/models/${id}`, `v2/models/${id}/{proxy+}`])
      api.route(path, ['ANY'], target, 'callers');
    for (const prefix of [`v1/models/${id}/*`, `v2/models/${id}`, `v2/models/${id}/*`])
      api.admitTo(target, `Admit-${prefix}`, prefix);
    if (spec.runtime.functionUrl) target.addFunctionUrl({ authType: FunctionUrlAuthType.AWS_IAM });
    const shadow = this.#shadow(props);
    this.#recorded(props, 'Recorded', this.server, ['prediction', 'part', 'failure']);
    this.#recorded(props, 'ShadowRecorded', shadow, ['shadow']);
    this.trial = this.#trial(props);
    failureAlarm(
      this,
      'ServerFails',
      functionFailures(this.server),
      `The function that serves ${id} failed or was throttled.`,
    );
  }

  #server(props: ServedModelProps): ServiceFunction {
    const { spec, sealingKey, hashKey } = props;
    const server = this.#modelFunction(
      'Server',
      'serve/request',
      `Predictions of ${spec.name}`,
      { kind: 'synchronous' },
      props,
    );
    if (isSealed(spec)) grantSealing(server, 'kms:GenerateDataKey', sealingKey, spec);
    if (isHashed(spec))
      server.addToRolePolicy(
        new PolicyStatement({ actions: ['kms:GenerateMac'], resources: [hashKey.keyArn] }),
      );
    return server;
  }

  /** The target of the paths: the function itself, or an alias that keeps environments warm. */
  #provisioned({ runtime }: ModelSpec): IFunction {
    if (runtime.provisionedConcurrency === 0) return this.server;
    return new Alias(this, 'Live', {
      aliasName: 'live',
      version: this.server.currentVersion,
      provisionedConcurrentExecutions: runtime.provisionedConcurrency,
    });
  }

  /** Runs recorded requests once more, off the caller's path, while the route asks for it. */
  #shadow(props: ServedModelProps): ServiceFunction {
    const { spec, deadLetters } = props;
    const shadow = this.#modelFunction(
      'Shadow',
      'serve/requests-logged',
      `Shadow of ${spec.name}`,
      { kind: 'asynchronous', deadLetters },
      props,
    );
    if (isSealed(spec)) grantSealing(shadow, 'kms:Decrypt', props.sealingKey, spec);
    new SubscriptionFilter(this, 'Shadowed', {
      logGroup: this.server.logs,
      destination: new LambdaDestination(shadow),
      filterPattern: FilterPattern.booleanValue('$.isShadowed', true),
      filterName: 'shadow',
    });
    return shadow;
  }

  /** Hands lines of some kinds to the one function that records them all. */
  #recorded(
    { recorder }: ServedModelProps,
    id: string,
    { logs }: ServiceFunction,
    kinds: readonly string[],
  ): void {
    const filters = kinds.map((kind) => FilterPattern.stringValue('$.kind', '=', kind));
    const subscription = new SubscriptionFilter(this, id, {
      logGroup: logs,
      // The recorder's own permission lets in the logs of all models.
      destination: new LambdaDestination(recorder.target, { addPermissions: false }),
      filterPattern: FilterPattern.any(...filters),
      filterName: 'record',
    });
    subscription.node.addDependency(recorder.admission);
  }

  /** A trial answers many requests at once, so it may take as long as Lambda lets it. */
  #trial(props: ServedModelProps): ServiceFunction {
    const { spec } = props;
    const description = `Trials of versions of ${spec.name}, off the record`;
    const invocation = { kind: 'synchronous' } as const;
    const trial = this.#modelFunction('Trial', 'serve/trial', description, invocation, props);
    if (isSealed(spec)) grantSealing(trial, 'kms:Decrypt', props.sealingKey, spec);
    return trial;
  }

  #modelFunction(
    id: 'Server' | 'Shadow' | 'Trial',
    handler: 'serve/request' | 'serve/requests-logged' | 'serve/trial',
    description: string,
    invocation: Invocation,
    props: ServedModelProps,
  ): ServiceFunction {
    const { spec, config, key, layer, artifacts, versions, routes } = props;
    const made = new ServiceFunction(this, id, {
      handler,
      description,
      env: ServeEnv,
      environment: {
        ROUTE_TABLE: routes.tableName,
        VERSION_TABLE: versions.tableName,
        ARTIFACT_BUCKET: artifacts.bucketName,
        SEALING_KEY: props.sealingKey.keyArn,
        HASH_KEY: props.hashKey.keyArn,
      },
      files: { id: spec.name, content: { 'spec.json': spec } },
      invocation,
      stage: config.stage,
      key,
      memoryMb: spec.runtime.memoryMb,
      timeout:
        id === 'Trial' ? Duration.minutes(15) : Duration.seconds(spec.runtime.timeoutSeconds),
      architecture: ARCHITECTURES[architectureOf(spec)],
      layers: [layer],
      ...(id === 'Server' && { reservedConcurrency: spec.runtime.reservedConcurrency }),
    });
    routes.grant(made, 'dynamodb:GetItem');
    versions.grant(made, 'dynamodb:GetItem');
    key.grantDecrypt(made);
    this.#grantArtifacts(made, artifacts);
    if (spec.runtime.kind === 'sagemaker') this.#grantEndpoint(made, config, spec);
    return made;
  }

  #grantArtifacts(made: ServiceFunction, artifacts: Bucket): void {
    made.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:GetObject'],
        resources: [artifacts.arnForObjects('artifacts/*')],
      }),
    );
    acknowledge(
      made.role,
      importedPatternFinding(Stack.of(artifacts), artifacts.bucketArn, '/artifacts/*'),
      'Artifacts lie under digests that are not known before they are registered.',
    );
  }

  #grantEndpoint(made: ServiceFunction, config: Config, { name }: ModelSpec): void {
    const endpoints = this.formatArn({
      service: 'sagemaker',
      resource: 'endpoint',
      resourceName: `${sageMakerNamePrefix(config, name)}-*`,
    });
    made.addToRolePolicy(
      new PolicyStatement({ actions: ['sagemaker:InvokeEndpoint'], resources: [endpoints] }),
    );
    acknowledge(
      made.role,
      patternFinding(this, endpoints),
      `Endpoints end in the number of a version of ${name}, made after deployment.`,
    );
  }
}

/** Whether the log of a model needs keys of KMS. */
export const needsLogKeys = (spec: ModelSpec): boolean => isSealed(spec) || isHashed(spec);

const isSealed = ({ features }: ModelSpec): boolean => features.some(({ log }) => log === 'sealed');
const isHashed = ({ features, promotion }: ModelSpec): boolean =>
  promotion.unitLog === 'hash' || features.some(({ log }) => log === 'hash');

/** Who seals cannot open, who opens cannot seal, and neither for another model. */
function grantSealing(
  to: ServiceFunction,
  action: 'kms:GenerateDataKey' | 'kms:Decrypt',
  sealingKey: IKey,
  { name }: ModelSpec,
): void {
  const context = Object.entries(sealingContext(name)).map(
    ([key, value]) => [`kms:EncryptionContext:${key}`, value] as const,
  );
  to.addToRolePolicy(
    new PolicyStatement({
      actions: [action],
      resources: [sealingKey.keyArn],
      conditions: { StringEquals: Object.fromEntries(context) },
    }),
  );
}
