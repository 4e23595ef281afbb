import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { ArnFormat, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import { acknowledge, importedPatternFinding, patternFinding } from './acknowledgements.ts';
import type { Config } from './config.ts';
import type { ServiceFunction } from './service-function.ts';

/** Deleting asks first whether there is anything to delete, or whether it is still being made. */
const REMOVE = ['DescribeEndpoint', 'DeleteEndpoint', 'DeleteEndpointConfig', 'DeleteModel'];

export interface SageMakerHostingProps {
  readonly config: Config;
  readonly spec: ModelSpec;
  readonly artifacts: Bucket;
  readonly key: IKey;
}

/** Role and settings of one model that SageMaker hosts; each endpoint comes with its version. */
export class SageMakerHosting extends Construct {
  readonly model: string;
  readonly roleArn: string;
  readonly #namePrefix: string;
  readonly #keyArn: string;

  constructor(scope: Construct, id: string, props: SageMakerHostingProps) {
    super(scope, id);
    const { config, spec, key } = props;
    this.model = spec.name;
    this.#namePrefix = sageMakerNamePrefix(config, spec.name);
    this.#keyArn = key.keyArn;
    this.roleArn = this.#hostRole(props, this.#namePrefix).roleArn;
  }

  /** Lets a function make and delete this model's endpoints, and no other's. */
  grantManage(manager: ServiceFunction): void {
    const make = ['CreateModel', 'CreateEndpointConfig', 'CreateEndpoint'];
    this.#allowHosting(manager, [...make, ...REMOVE]);
    this.#allow(manager, ['iam:PassRole'], [this.roleArn], {
      StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' },
    });
    // SageMaker encrypts an instance's disk by a grant that whoever makes the endpoint must be able to give.
    this.#allow(manager, ['kms:CreateGrant'], [this.#keyArn], {
      Bool: { 'kms:GrantIsForAWSResource': 'true' },
    });
  }

  /** Lets a function delete them. */
  grantRemove(remover: ServiceFunction): void {
    this.#allowHosting(remover, REMOVE);
  }

  #allowHosting(to: ServiceFunction, actions: readonly string[]): void {
    const arns = ['model', 'endpoint-config', 'endpoint'].map((resource) =>
      Stack.of(this).formatArn({
        service: 'sagemaker',
        resource,
        resourceName: `${this.#namePrefix}-*`,
      }),
    );
    this.#allow(
      to,
      actions.map((action) => `sagemaker:${action}`),
      arns,
    );
    for (const arn of arns)
      acknowledge(
        to.role,
        patternFinding(this, arn),
        `Names end in the number of a version of ${this.model}, made after deployment.`,
      );
  }

  #hostRole({ spec, artifacts, key }: SageMakerHostingProps, namePrefix: string): Role {
    const role = new Role(this, 'Role', {
      assumedBy: new ServicePrincipal('sagemaker.amazonaws.com'),
      description: `Hosts versions of ${spec.name}`,
    });
    this.#allow(role, ['s3:GetObject'], [artifacts.arnForObjects('artifacts/*')]);
    this.#allow(role, ['s3:ListBucket'], [artifacts.bucketArn]);
    key.grantDecrypt(role);
    acknowledge(
      role,
      importedPatternFinding(Stack.of(artifacts), artifacts.bucketArn, '/artifacts/*'),
      'Artifacts lie under digests that are not known before they are registered.',
    );
    this.#allow(role, ['ecr:GetAuthorizationToken'], ['*']);
    acknowledge(
      role,
      'IAM5[Resource::*]',
      'A token for ECR is for the registry as a whole; pulling is allowed for one repository.',
    );
    const pull = ['BatchCheckLayerAvailability', 'GetDownloadUrlForLayer', 'BatchGetImage'];
    this.#allow(
      role,
      pull.map((action) => `ecr:${action}`),
      [repositoryArn(spec, Stack.of(this))],
    );
    this.#allowLogs(role, namePrefix);
    return role;
  }

  #allowLogs(role: Role, namePrefix: string): void {
    const groups = Stack.of(this).formatArn({
      service: 'logs',
      resource: 'log-group',
      resourceName: `/aws/sagemaker/Endpoints/${namePrefix}-*`,
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    const actions = ['CreateLogGroup', 'CreateLogStream', 'PutLogEvents', 'DescribeLogStreams'];
    this.#allow(
      role,
      actions.map((action) => `logs:${action}`),
      [groups],
    );
    acknowledge(
      role,
      patternFinding(this, groups),
      'SageMaker names the log group after the endpoint, which is named after the version.',
    );
  }

  #allow(
    to: Role | ServiceFunction,
    actions: string[],
    resources: string[],
    conditions: Readonly<Record<string, unknown>> = {},
  ): void {
    const statement = new PolicyStatement({ actions, resources, conditions: { ...conditions } });
    if (to instanceof Role) to.addToPolicy(statement);
    else to.addToRolePolicy(statement);
  }
}

/** SageMaker pulls images from ECR only, and the role may pull the one that the spec names. */
function repositoryArn({ name, runtime }: ModelSpec, stack: Stack): string {
  const image = runtime.kind === 'sagemaker' ? runtime.image : '';
  const [, account, region, repositoryName] =
    /^([0-9]{12})\.dkr\.ecr\.([a-z0-9-]+)\.amazonaws\.com[a-z.]*\/([^:@]+)/.exec(image) ?? [];
  if (!account || !region || !repositoryName)
    throw new Error(
      `${name}: runtime.image: SageMaker pulls from ECR only, <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>; got "${image}"`,
    );
  return stack.formatArn({
    service: 'ecr',
    account,
    region,
    resource: 'repository',
    resourceName: repositoryName,
  });
}

/** What every endpoint of a stage is named by. */
export const stagePrefix = ({ stage }: Config): string => `slipway-${stage}`;

/** SageMaker names hold 63 characters, of which `-` and a version number take up to 11. */
export function sageMakerNamePrefix(config: Config, model: string): string {
  const prefix = `${stagePrefix(config)}-${model}`;
  if (prefix.length <= 52) return prefix;
  throw new Error(
    `${prefix} is too long for a SageMaker endpoint: shorten the model's name or the stage by ${prefix.length - 52}`,
  );
}
