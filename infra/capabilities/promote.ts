import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { InspectGraphEnv, OperatorApiEnv } from '../../functions/promote/env.ts';
import type { Api } from '../api.ts';
import type { Config } from '../config.ts';
import { onnxRuntimeLayer } from '../onnxruntime-layer.ts';
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
  constructor(scope: Construct, id: string, props: PromoteProps) {
    super(scope, id);
    const inspect = this.#inspectFunction(props);
    const operatorApi = this.#operatorApi(props, inspect);
    for (const noun of ['versions', 'routes']) {
      props.api.route(`v1/${noun}/{proxy+}`, ['ANY'], operatorApi, 'operators');
      props.api.admitTo(operatorApi, `Admit-${noun}`, `v1/${noun}/*`);
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
    const hosts = this.#sageMakerHosts(props);
    const operatorApi = new ServiceFunction(this, 'OperatorApi', {
      handler: 'promote/operator-api',
      description: 'Versions and routes, for operators',
      env: OperatorApiEnv,
      environment: {
        VERSION_TABLE: versions.tableName,
        ROUTE_TABLE: routes.tableName,
        ARTIFACT_BUCKET: artifacts.bucketName,
        INSPECT_FUNCTION: inspect.functionName,
        SAGEMAKER_HOSTS: Stack.of(this).toJsonString(
          Object.fromEntries(hosts.map(({ model, host }) => [model, host])),
        ),
      },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
    });
    inspect.grantInvoke(operatorApi);
    versions.grant(
      operatorApi,
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
    );
    routes.grant(operatorApi, 'dynamodb:GetItem', 'dynamodb:PutItem');
    key.grantEncryptDecrypt(operatorApi);
    this.#grantArtifacts(operatorApi, artifacts);
    for (const { host } of hosts) this.#grantHosting(operatorApi, host);
    return operatorApi;
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
  }

  /** Role and settings of each model that SageMaker hosts; endpoints come with their versions. */
  #sageMakerHosts({ specs, config, artifacts, key }: PromoteProps) {
    return specs
      .filter(({ runtime }) => runtime.kind === 'sagemaker')
      .map(({ name }) => {
        const role = new Role(this, `SageMaker-${name}`, {
          assumedBy: new ServicePrincipal('sagemaker.amazonaws.com'),
          description: `Hosts versions of ${name}`,
        });
        artifacts.grantRead(role, 'artifacts/*');
        role.addToPolicy(
          new PolicyStatement({
            actions: [
              'ecr:GetAuthorizationToken',
              'ecr:BatchCheckLayerAvailability',
              'ecr:GetDownloadUrlForLayer',
              'ecr:BatchGetImage',
            ],
            resources: ['*'],
          }),
        );
        role.addToPolicy(
          new PolicyStatement({
            actions: [
              'logs:CreateLogGroup',
              'logs:CreateLogStream',
              'logs:PutLogEvents',
              'logs:DescribeLogStreams',
            ],
            resources: [
              Stack.of(this).formatArn({
                service: 'logs',
                resource: 'log-group:/aws/sagemaker/Endpoints/*',
              }),
            ],
          }),
        );
        const namePrefix = sageMakerNamePrefix(config, name);
        const host = {
          roleArn: role.roleArn,
          bucket: artifacts.bucketName,
          namePrefix,
          kmsKeyArn: key.keyArn,
        };
        return { model: name, host };
      });
  }

  #grantHosting(operatorApi: ServiceFunction, host: { roleArn: string; namePrefix: string }): void {
    const named = ['model', 'endpoint-config', 'endpoint'].map((resource) =>
      Stack.of(this).formatArn({
        service: 'sagemaker',
        resource,
        resourceName: `${host.namePrefix}-*`,
      }),
    );
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: [
          'sagemaker:CreateModel',
          'sagemaker:CreateEndpointConfig',
          'sagemaker:CreateEndpoint',
          'sagemaker:DescribeEndpoint',
          'sagemaker:DeleteEndpoint',
          'sagemaker:DeleteEndpointConfig',
          'sagemaker:DeleteModel',
        ],
        resources: named,
      }),
    );
    operatorApi.addToRolePolicy(
      new PolicyStatement({
        actions: ['iam:PassRole'],
        resources: [host.roleArn],
        conditions: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
      }),
    );
  }
}

/** SageMaker names hold 63 characters, of which `-` and a version number take up to 11. */
export function sageMakerNamePrefix({ stage }: Config, model: string): string {
  const prefix = `slipway-${stage}-${model}`;
  if (prefix.length <= 52) return prefix;
  throw new Error(
    `${prefix} is too long for a SageMaker endpoint: shorten the model's name or the stage by ${prefix.length - 52}`,
  );
}
