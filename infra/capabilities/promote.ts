import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { COHORT_INDEX } from '../../functions/contracts/cohort-index.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import {
  AnnouncementEnv,
  type HostingEnv,
  InspectGraphEnv,
  OperatorApiEnv,
} from '../../functions/promote/env.ts';
import { acknowledge, importedPatternFinding, patternFinding } from '../acknowledgements.ts';
import { Announcer } from '../announcer.ts';
import type { Api } from '../api.ts';
import { type Config, DEFAULTS } from '../config.ts';
import { grantKeyUse } from '../key-use.ts';
import { onnxRuntimeLayer } from '../onnxruntime-layer.ts';
import { machineName } from '../promoted-model.ts';
import { PromotionMachines, type PromotionMachinesProps } from '../promotion-machines.ts';
import { SageMakerHosting, stagePrefix } from '../sagemaker-hosting.ts';
import { ServiceFunction } from '../service-function.ts';

export interface PromoteProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly api: Api;
  readonly key: IKey;
  readonly artifacts: Bucket;
  readonly versions: TableV2;
  readonly routes: TableV2;
  readonly promotions: TableV2;
  readonly joins: TableV2;
  readonly datasetTable: TableV2;
  readonly datasetsKey: IKey;
  readonly bus: EventBus;
  readonly deadLetters: Queue;
}

/** What the machines need of the capabilities that come after this one. */
type DrawProps = Pick<
  PromotionMachinesProps,
  'units' | 'archive' | 'datasets' | 'datasetEvaluation' | 'trials'
>;

/** Versions are registered, routes are set, and promotions take versions to production. */
export class Promote extends Construct {
  readonly functions: readonly ServiceFunction[];
  readonly #props: PromoteProps;
  readonly #hosts: readonly SageMakerHosting[];
  readonly #announcer: Announcer<typeof AnnouncementEnv>;

  constructor(scope: Construct, id: string, props: PromoteProps) {
    super(scope, id);
    this.#props = props;
    this.#hosts = this.#hosting(props);
    const inspect = this.#inspectFunction(props);
    this.#announcer = new Announcer(this, 'AnnounceChanges', {
      ...props,
      handler: 'promote/changes-unannounced',
      description: 'Tells the bus of promotions and routes that have changed',
      env: AnnouncementEnv,
      environment: {
        PROMOTION_TABLE: props.promotions.tableName,
        EVENT_BUS: props.bus.eventBusName,
      },
      table: props.promotions,
      tableKey: props.key,
    });
    const operatorApi = this.#operatorApi(props, inspect);
    this.functions = [operatorApi, this.#announcer];
    for (const noun of ['versions', 'routes', 'promotions']) {
      props.api.route(`v1/${noun}/{proxy+}`, ['ANY'], operatorApi, 'operators');
      props.api.admitTo(operatorApi, `Admit-${noun}`, `v1/${noun}/*`);
    }
  }

  /** A machine a model. */
  drawMachines(after: DrawProps): void {
    const hosting = this.#hostingEnvironment();
    const announcer = this.#announcer;
    const props = { ...this.#props, ...after, hosting, announcer, hosts: this.#hosts };
    new PromotionMachines(this, 'Machines', props);
  }

  #hosting(props: PromoteProps): SageMakerHosting[] {
    const hosts = props.specs
      .filter(({ runtime }) => runtime.kind === 'sagemaker')
      .map((spec) => new SageMakerHosting(this, `Hosting-${spec.name}`, { ...props, spec }));
    if (hosts.length <= DEFAULTS.sageMakerModels) return hosts;
    throw new Error(
      `${hosts.length} models say runtime: sagemaker; one deployment hosts ${DEFAULTS.sageMakerModels}: use a second stage`,
    );
  }

  #hostingEnvironment(): HostingEnv {
    const { artifacts, key, config } = this.#props;
    return {
      ARTIFACT_BUCKET: artifacts.bucketName,
      KEY_ARN: key.keyArn,
      SAGEMAKER_NAME_PREFIX: stagePrefix(config),
      SAGEMAKER_ROLES: Stack.of(this).toJsonString(
        Object.fromEntries(this.#hosts.map(({ model, roleArn }) => [model, roleArn])),
      ),
    };
  }

  /** Opens uploads. Its role may do nothing: it reads the one upload whose presigned URL it is given. */
  #inspectFunction({ config, key }: PromoteProps): ServiceFunction {
    return new ServiceFunction(this, 'InspectGraph', {
      handler: 'promote/inspect-graph',
      description: 'Opens an uploaded ONNX graph where a native crash harms nobody',
      env: InspectGraphEnv,
      environment: {},
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
      // The file, its parsed form and the runtime's copy of the weights are in memory at once.
      memoryMb: 3008,
      timeout: Duration.seconds(LIMITS.inspectionSeconds),
      layers: [onnxRuntimeLayer(Stack.of(this), 'x86_64')],
    });
  }

  #operatorApi(props: PromoteProps, inspect: ServiceFunction): ServiceFunction {
    const { config, specs, key, versions, routes } = props;
    const { promotions, joins, datasetTable } = props;
    const operatorApi = new ServiceFunction(this, 'OperatorApi', {
      handler: 'promote/operator-api',
      description: 'Versions and routes, for operators',
      env: OperatorApiEnv,
      environment: {
        VERSION_TABLE: versions.tableName,
        ROUTE_TABLE: routes.tableName,
        ...this.#hostingEnvironment(),
        PROMOTION_TABLE: promotions.tableName,
        ANNOUNCE_FUNCTION: this.#announcer.functionName,
        INSPECT_FUNCTION: inspect.functionName,
        DATASET_TABLE: datasetTable.tableName,
        JOIN_TABLE: joins.tableName,
        MACHINE_ARN_PREFIX: this.#machineArn(''),
      },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
    });
    this.#grantOperatorApi(operatorApi, inspect);
    return operatorApi;
  }

  #grantOperatorApi(operatorApi: ServiceFunction, inspect: ServiceFunction): void {
    const { key, artifacts, versions, routes, promotions, joins } = this.#props;
    const { datasetTable, datasetsKey } = this.#props;
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [inspect.functionArn],
      }),
    );
    versions.grant(
      operatorApi,
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
    );
    routes.grant(
      operatorApi,
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:ConditionCheckItem',
    );
    promotions.grant(
      operatorApi,
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
    );
    datasetTable.grant(operatorApi, 'dynamodb:GetItem');
    datasetsKey.grantDecrypt(operatorApi);
    this.#announcer.grantStart(operatorApi);
    this.#grantCohorts(operatorApi, joins);
    this.#grantMachines(operatorApi);
    grantKeyUse(operatorApi, key);
    this.#grantArtifacts(operatorApi, artifacts);
    for (const host of this.#hosts) host.grantManage(operatorApi);
  }

  #machineArn(model: string): string {
    return Stack.of(this).formatArn({
      service: 'states',
      resource: 'stateMachine',
      resourceName: machineName(this.#props.config, model),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
  }

  /** The index alone: rows of predictions are none of an operator's business here. */
  #grantCohorts(operatorApi: ServiceFunction, joins: TableV2): void {
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['dynamodb:Query'],
        resources: [`${joins.tableArn}/index/${COHORT_INDEX.name}`],
      }),
    );
  }

  #grantMachines(operatorApi: ServiceFunction): void {
    const { specs } = this.#props;
    const machines = specs.map(({ name }) => this.#machineArn(name));
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['states:StartExecution', 'states:SendTaskSuccess'],
        resources: machines,
      }),
    );
    const executions = machines.map((arn) => `${arn.replace(':stateMachine:', ':execution:')}:*`);
    operatorApi.addToRolePolicy(
      new PolicyStatement({ actions: ['states:StopExecution'], resources: executions }),
    );
    for (const arn of executions)
      acknowledge(
        operatorApi.role,
        patternFinding(this, arn),
        'Executions are named after promotions, which begin after deployment.',
      );
  }

  /** Uploads may be written and read, artifacts only written: once, by the copy. */
  #grantArtifacts(operatorApi: ServiceFunction, artifacts: Bucket): void {
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:PutObject', 's3:GetObject', 's3:GetObjectVersion'],
        resources: [artifacts.arnForObjects('uploads/*')],
      }),
    );
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [artifacts.arnForObjects('artifacts/*')],
      }),
    );
    // Without it S3 answers 403 instead of 404 for an upload that never came. No condition on the prefix:
    // asking for one object carries none.
    operatorApi.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [artifacts.bucketArn] }),
    );
    for (const prefix of ['uploads', 'artifacts'])
      acknowledge(
        operatorApi.role,
        importedPatternFinding(Stack.of(artifacts), artifacts.bucketArn, `/${prefix}/*`),
        `Keys below ${prefix}/ end in ids and digests that are not known before they are written.`,
      );
  }
}
