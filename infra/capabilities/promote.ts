import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { InspectGraphEnv, OperatorApiEnv } from '../../functions/promote/env.ts';
import { acknowledge, importedPatternFinding } from '../acknowledgements.ts';
import type { Api } from '../api.ts';
import { type Config, DEFAULTS } from '../config.ts';
import { onnxRuntimeLayer } from '../onnxruntime-layer.ts';
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
}

/** Versions are registered and routes are set. */
export class Promote extends Construct {
  readonly operatorApi: ServiceFunction;

  constructor(scope: Construct, id: string, props: PromoteProps) {
    super(scope, id);
    const inspect = this.#inspectFunction(props);
    this.operatorApi = this.#operatorApi(props, inspect);
    for (const noun of ['versions', 'routes']) {
      props.api.route(`v1/${noun}/{proxy+}`, ['ANY'], this.operatorApi, 'operators');
      props.api.admitTo(this.operatorApi, `Admit-${noun}`, `v1/${noun}/*`);
    }
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
    const { config, specs, key, artifacts, versions, routes } = props;
    const hosts = specs
      .filter(({ runtime }) => runtime.kind === 'sagemaker')
      .map((spec) => new SageMakerHosting(this, `Hosting-${spec.name}`, { ...props, spec }));
    if (hosts.length > DEFAULTS.sageMakerModels)
      throw new Error(
        `${hosts.length} models say runtime: sagemaker; one deployment hosts ${DEFAULTS.sageMakerModels}: use a second stage`,
      );
    const operatorApi = new ServiceFunction(this, 'OperatorApi', {
      handler: 'promote/operator-api',
      description: 'Versions and routes, for operators',
      env: OperatorApiEnv,
      environment: {
        VERSION_TABLE: versions.tableName,
        ROUTE_TABLE: routes.tableName,
        ARTIFACT_BUCKET: artifacts.bucketName,
        INSPECT_FUNCTION: inspect.functionName,
        KEY_ARN: key.keyArn,
        SAGEMAKER_NAME_PREFIX: stagePrefix(config),
        SAGEMAKER_ROLES: Stack.of(this).toJsonString(
          Object.fromEntries(hosts.map(({ model, roleArn }) => [model, roleArn])),
        ),
      },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
    });
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
    this.#grantKey(operatorApi, key);
    this.#grantArtifacts(operatorApi, artifacts);
    for (const host of hosts) host.grantManage(operatorApi);
    return operatorApi;
  }

  /** What DynamoDB and S3 do with the key in the name of those who write and read. */
  #grantKey(operatorApi: ServiceFunction, key: IKey): void {
    const actions = ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey'];
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: [...actions, 'ReEncryptFrom', 'ReEncryptTo'].map((action) => `kms:${action}`),
        resources: [key.keyArn],
      }),
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
