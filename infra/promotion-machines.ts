import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { Match, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { ArnFormat, Duration, NestedStack, Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type * as z from 'zod/mini';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import {
  ExposingEnv,
  type HostingEnv,
  LookEnv,
  MovingEnv,
  OfflineEnv,
  ReplayEnv,
} from '../functions/promote/env.ts';
import { acknowledge, importedPatternFinding } from './acknowledgements.ts';
import type { Announcer } from './announcer.ts';
import type { HandlerName } from './bundle.ts';
import { type Config, DEFAULTS } from './config.ts';
import { failureAlarm, functionFailures } from './failure-alarm.ts';
import { grantKeyUse } from './key-use.ts';
import { machineName, PromotedModel } from './promoted-model.ts';
import type { PromotionStep } from './promotion-machine.ts';
import type { SageMakerHosting } from './sagemaker-hosting.ts';
import { type Invocation, ServiceFunction } from './service-function.ts';

export interface PromotionMachinesProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly key: IKey;
  readonly versions: TableV2;
  readonly routes: TableV2;
  readonly promotions: TableV2;
  readonly units: TableV2;
  readonly announcer: Announcer<z.core.$ZodType>;
  readonly deadLetters: Queue;
  readonly archive: Bucket;
  readonly datasets: Bucket;
  readonly datasetTable: TableV2;
  readonly datasetsKey: IKey;
  readonly datasetEvaluation: ServiceFunction;
  /** By model. */
  readonly trials: ReadonlyMap<string, ServiceFunction>;
  readonly hosting: HostingEnv;
  readonly hosts: readonly SageMakerHosting[];
}

/**
 * The functions behind the steps, a machine a model, and what ends a promotion from outside; in a stack of
 * its own, because one template does not hold everything of thirty models.
 */
export class PromotionMachines extends NestedStack {
  readonly #props: PromotionMachinesProps;

  constructor(scope: Construct, id: string, props: PromotionMachinesProps) {
    super(scope, id, { description: 'Slipway: takes versions to production, or back' });
    this.#props = props;
    const steps = this.#steps();
    for (const spec of props.specs) {
      const trial = props.trials.get(spec.name);
      if (!trial) throw new Error(`${spec.name} has no trial function`);
      new PromotedModel(this, spec.name, { ...props, spec, steps, trial });
    }
    this.#onExecutionEnded();
    this.#onAlarm();
  }

  #steps(): Readonly<Record<PromotionStep, ServiceFunction>> {
    const { archive, datasets, datasetEvaluation, trials, hosting } = this.#props;
    const exposing = { env: ExposingEnv, environment: { ...this.#moving(), ...hosting } };
    const moving = { env: MovingEnv, environment: this.#moving() };
    const steps = {
      'smoke-test': this.#step('smoke-test', exposing),
      'test-performance': this.#step('test-performance', exposing),
      'replay-traffic': this.#step('replay-traffic', {
        env: ReplayEnv,
        environment: { ...this.#moving(), ...hosting, ARCHIVE_BUCKET: archive.bucketName },
      }),
      'evaluate-offline': this.#step('evaluate-offline', {
        env: OfflineEnv,
        environment: {
          ...this.#moving(),
          EVALUATION_FUNCTION: datasetEvaluation.functionName,
          DATASET_BUCKET: datasets.bucketName,
        },
      }),
      'open-place': this.#step('open-place', exposing),
      look: this.#step('look', this.#looking()),
      'ask-approval': this.#step('ask-approval', moving),
      crown: this.#step('crown', exposing),
      conclude: this.#step('conclude', exposing),
    };
    const tried = [...trials.values()].map(({ functionArn }) => functionArn);
    for (const trying of [steps['smoke-test'], steps['test-performance'], steps['replay-traffic']])
      this.#grantInvoke(trying, tried);
    this.#grantInvoke(steps['evaluate-offline'], [datasetEvaluation.functionArn]);
    this.#grantReads(steps['evaluate-offline'], datasets, 'evaluations/*');
    this.#grantReads(steps['replay-traffic'], archive, 'predictions/*');
    this.#grantReads(steps['replay-traffic'], archive, 'scores/*');
    for (const host of this.#props.hosts) host.grantRemove(steps.conclude);
    for (const host of this.#props.hosts)
      for (const exposed of [
        'smoke-test',
        'test-performance',
        'replay-traffic',
        'open-place',
        'crown',
      ] as const)
        host.grantManage(steps[exposed]);
    return steps;
  }

  #moving() {
    const { versions, routes, promotions, datasetTable, announcer } = this.#props;
    return {
      DATASET_TABLE: datasetTable.tableName,
      VERSION_TABLE: versions.tableName,
      ROUTE_TABLE: routes.tableName,
      PROMOTION_TABLE: promotions.tableName,
      ANNOUNCE_FUNCTION: announcer.functionName,
    };
  }

  #looking() {
    const { units, config } = this.#props;
    return {
      env: LookEnv,
      environment: { ...this.#moving(), UNIT_TABLE: units.tableName, STAGE: config.stage },
    };
  }

  #step<Env extends z.core.$ZodType>(step: PromotionStep, wired: Wired<Env>): ServiceFunction {
    const description = `Promotions: ${step.replaceAll('-', ' ')}`;
    const made = this.#mover(step, `promote/${step}`, description, { kind: 'synchronous' }, wired);
    if (step === 'look') this.#grantLooking(made);
    // Only what still runs may put its version into the route.
    if (step === 'open-place' || step === 'crown')
      this.#props.promotions.grant(made, 'dynamodb:ConditionCheckItem');
    return made;
  }

  #mover<Env extends z.core.$ZodType>(
    id: string,
    handler: HandlerName,
    description: string,
    invocation: Invocation,
    { env, environment }: Wired<Env>,
  ): ServiceFunction {
    const { config, specs, key, versions, routes, promotions, announcer } = this.#props;
    const { datasetTable, datasetsKey } = this.#props;
    const made = new ServiceFunction(this, id, {
      handler,
      description,
      env,
      environment,
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation,
      stage: config.stage,
      key,
      // A look reads a day of units, a gate waits for a trial; both are over in minutes.
      memoryMb: DEFAULTS.oneCpuMemoryMb,
      timeout: Duration.minutes(15),
    });
    failureAlarm(
      this,
      `${id}Fails`,
      functionFailures(made),
      `A function of promotions failed or was throttled: ${description.toLowerCase()}.`,
    );
    versions.grant(made, 'dynamodb:GetItem', 'dynamodb:UpdateItem');
    routes.grant(made, 'dynamodb:GetItem', 'dynamodb:PutItem', 'dynamodb:ConditionCheckItem');
    promotions.grant(
      made,
      'dynamodb:GetItem',
      'dynamodb:Query',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:DeleteItem',
    );
    datasetTable.grant(made, 'dynamodb:GetItem');
    datasetsKey.grantDecrypt(made);
    grantKeyUse(made, key);
    announcer.grantStart(made);
    return made;
  }

  #grantLooking(looker: ServiceFunction): void {
    this.#props.units.grant(looker, 'dynamodb:Query');
    looker.addToRolePolicy(
      new PolicyStatement({
        actions: ['cloudwatch:DescribeAlarms', 'cloudwatch:GetMetricData'],
        resources: ['*'],
      }),
    );
    acknowledge(
      looker.role,
      'IAM5[Resource::*]',
      'DescribeAlarms by a prefix of names and GetMetricData know no narrower resource.',
    );
  }

  #grantInvoke(invoker: ServiceFunction, functionArns: readonly string[]): void {
    invoker.addToRolePolicy(
      new PolicyStatement({ actions: ['lambda:InvokeFunction'], resources: [...functionArns] }),
    );
  }

  #grantReads(reader: ServiceFunction, bucket: Bucket, keys: string): void {
    reader.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:GetObject'], resources: [bucket.arnForObjects(keys)] }),
    );
    reader.addToRolePolicy(
      new PolicyStatement({ actions: ['s3:ListBucket'], resources: [bucket.bucketArn] }),
    );
    acknowledge(
      reader.role,
      importedPatternFinding(Stack.of(bucket), bucket.bucketArn, `/${keys}`),
      `Keys below ${keys} name models, days and digests that are not known when this is deployed.`,
    );
  }

  /** What no catch of a machine sees: a stopped execution, a time-out, too much data. */
  #onExecutionEnded(): void {
    const { config, deadLetters } = this.#props;
    const invocation = { kind: 'asynchronous', deadLetters } as const;
    const description = 'Takes back the promotion of an execution that did not end by itself';
    const wired = { env: MovingEnv, environment: this.#moving() };
    const ended = this.#mover('Ended', 'promote/execution-ended', description, invocation, wired);
    const machines = Stack.of(this).formatArn({
      service: 'states',
      resource: 'stateMachine',
      resourceName: machineName(config, ''),
      arnFormat: ArnFormat.COLON_RESOURCE_NAME,
    });
    new Rule(this, 'OnExecutionEnded', {
      description: 'An execution of a promotion failed, timed out or was stopped',
      eventPattern: {
        source: ['aws.states'],
        detailType: ['Step Functions Execution Status Change'],
        detail: {
          status: ['FAILED', 'TIMED_OUT', 'ABORTED'],
          stateMachineArn: Match.prefix(machines),
        },
      },
      targets: [new LambdaFunction(ended)],
    });
  }

  #onAlarm(): void {
    const { config, deadLetters } = this.#props;
    const invocation = { kind: 'asynchronous', deadLetters } as const;
    const description = 'Takes back a promotion whose challenger misses an objective';
    const rang = this.#mover(
      'Rang',
      'promote/alarm-rang',
      description,
      invocation,
      this.#looking(),
    );
    this.#grantLooking(rang);
    new Rule(this, 'OnAlarm', {
      description: 'A challenger misses an objective',
      eventPattern: {
        source: ['aws.cloudwatch'],
        detailType: ['CloudWatch Alarm State Change'],
        detail: {
          // Of any objective: a version that bakes is the champion.
          alarmName: Match.prefix(`slipway-${config.stage}-`),
          state: { value: ['ALARM'] },
        },
      },
      targets: [new LambdaFunction(rang)],
    });
  }
}

interface Wired<Env extends z.core.$ZodType> {
  readonly env: Env;
  readonly environment: Readonly<Record<keyof z.output<Env>, string>>;
}
