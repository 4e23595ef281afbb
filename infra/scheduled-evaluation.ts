import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import type { EventBus } from 'aws-cdk-lib/aws-events';
import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { CfnSchedule } from 'aws-cdk-lib/aws-scheduler';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { ARCHIVED_LINES_PREFIX } from '../functions/contracts/archive.ts';
import { COHORT_INDEX } from '../functions/contracts/cohort-index.ts';
import type { ModelDue } from '../functions/contracts/evaluation-events.ts';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import { DriftDueEnv, HoursDueEnv } from '../functions/evaluate/env.ts';
import { acknowledge, importedPatternFinding } from './acknowledgements.ts';
import { type Config, DEFAULTS } from './config.ts';
import { ServiceFunction } from './service-function.ts';

export interface ScheduledEvaluationProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly key: IKey;
  readonly joins: TableV2;
  readonly evaluations: TableV2;
  readonly routes: TableV2;
  readonly artifacts: Bucket;
  readonly archive: Bucket;
  /** Of recording: predictions whose silence has a meaning from now on. */
  readonly work: IQueue;
  readonly bus: EventBus;
  readonly deadLetters: IQueue;
}

/** The functions that look after all models by the clock; each model has schedules of its own. */
export class ScheduledEvaluation extends Construct {
  readonly functions: readonly ServiceFunction[];
  readonly #props: ScheduledEvaluationProps;
  readonly #hoursDue: ServiceFunction;
  readonly #driftDue: ServiceFunction;
  readonly #role: Role;

  constructor(scope: Construct, id: string, props: ScheduledEvaluationProps) {
    super(scope, id);
    this.#props = props;
    this.#hoursDue = this.#hoursFunction();
    this.#driftDue = this.#driftFunction();
    this.functions = [this.#hoursDue, this.#driftDue];
    this.#role = this.#schedulerRole();
  }

  /** A model's schedules, in a scope that goes when the model goes. */
  schedule(scope: Construct, model: string): void {
    const { hoursDueEvery, driftDueEvery } = DEFAULTS;
    this.#every(scope, 'HoursDue', hoursDueEvery, this.#hoursDue, model);
    this.#every(scope, 'DriftDue', driftDueEvery, this.#driftDue, model);
  }

  #every(
    scope: Construct,
    id: string,
    interval: Duration,
    target: ServiceFunction,
    model: string,
  ): void {
    new CfnSchedule(scope, id, {
      description: `${target.node.id} of ${model}`,
      flexibleTimeWindow: { mode: 'OFF' },
      scheduleExpression: `rate(${interval.toMinutes()} minutes)`,
      target: {
        arn: target.functionArn,
        roleArn: this.#role.roleArn,
        input: JSON.stringify({ model } satisfies ModelDue),
        // The next time does what this one did not.
        retryPolicy: { maximumRetryAttempts: 2, maximumEventAgeInSeconds: interval.toSeconds() },
      },
    });
  }

  #schedulerRole(): Role {
    const role = new Role(this, 'SchedulerRole', {
      assumedBy: new ServicePrincipal('scheduler.amazonaws.com', {
        conditions: { StringEquals: { 'aws:SourceAccount': Stack.of(this).account } },
      }),
    });
    role.addToPolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: this.functions.map(({ functionArn }) => functionArn),
      }),
    );
    return role;
  }

  /** What the functions that look over all models by schedule have in common. */
  #scheduled() {
    const { config, specs, key, deadLetters } = this.#props;
    return {
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation: { kind: 'asynchronous', deadLetters },
      stage: config.stage,
      key,
      memoryMb: DEFAULTS.oneCpuMemoryMb,
      timeout: Duration.minutes(15),
    } as const;
  }

  #hoursFunction(): ServiceFunction {
    const { joins, evaluations, work, bus } = this.#props;
    const hoursDue = new ServiceFunction(this, 'HoursDue', {
      handler: 'evaluate/hours-due',
      description: 'Hours whose predictions have matured are judged and closed',
      env: HoursDueEnv,
      environment: {
        JOIN_TABLE: joins.tableName,
        EVALUATION_TABLE: evaluations.tableName,
        WORK_QUEUE: work.queueUrl,
        EVENT_BUS: bus.eventBusName,
      },
      ...this.#scheduled(),
    });
    evaluations.grant(
      hoursDue,
      'dynamodb:GetItem',
      'dynamodb:PutItem',
      'dynamodb:UpdateItem',
      'dynamodb:Query',
    );
    this.#allow(hoursDue, ['dynamodb:Query'], `${joins.tableArn}/index/${COHORT_INDEX.name}`);
    this.#allow(hoursDue, ['sqs:SendMessage'], work.queueArn);
    this.#allow(hoursDue, ['events:PutEvents'], bus.eventBusArn);
    this.#allowKey(hoursDue);
    return hoursDue;
  }

  #driftFunction(): ServiceFunction {
    const { routes, artifacts, archive, bus, evaluations } = this.#props;
    const driftDue = new ServiceFunction(this, 'DriftDue', {
      handler: 'evaluate/drift-due',
      description: 'What models are asked is compared with what their versions were made from',
      env: DriftDueEnv,
      environment: {
        ROUTE_TABLE: routes.tableName,
        ARTIFACT_BUCKET: artifacts.bucketName,
        ARCHIVE_BUCKET: archive.bucketName,
        EVALUATION_TABLE: evaluations.tableName,
        EVENT_BUS: bus.eventBusName,
      },
      ...this.#scheduled(),
    });
    routes.grant(driftDue, 'dynamodb:GetItem');
    evaluations.grant(driftDue, 'dynamodb:GetItem', 'dynamodb:PutItem');
    const lies = 'Firehose names its files, and profiles lie under digests.';
    this.#allowObjects(driftDue, artifacts, 'artifacts/*', lies);
    this.#allowObjects(driftDue, archive, 'predictions/*', lies);
    this.#allowObjects(driftDue, archive, `${ARCHIVED_LINES_PREFIX}*`, lies);
    // Without it S3 answers 403 instead of 404 for a version that has no profile.
    this.#allow(driftDue, ['s3:ListBucket'], artifacts.bucketArn);
    this.#allow(driftDue, ['s3:ListBucket'], archive.bucketArn);
    this.#allow(driftDue, ['events:PutEvents'], bus.eventBusArn);
    this.#allowKey(driftDue);
    return driftDue;
  }

  #allowObjects(to: ServiceFunction, bucket: Bucket, pattern: string, why: string): void {
    this.#allow(to, ['s3:GetObject'], bucket.arnForObjects(pattern));
    acknowledge(
      to.role,
      importedPatternFinding(Stack.of(bucket), bucket.bucketArn, `/${pattern}`),
      why,
    );
  }

  #allow(to: ServiceFunction, actions: readonly string[], resource: string): void {
    to.addToRolePolicy(new PolicyStatement({ actions: [...actions], resources: [resource] }));
  }

  /** What DynamoDB, S3 and SQS do with the key in the name of those who write and read. */
  #allowKey(to: ServiceFunction): void {
    const actions = ['Decrypt', 'DescribeKey', 'Encrypt', 'GenerateDataKey'];
    this.#allow(
      to,
      [...actions, 'ReEncryptFrom', 'ReEncryptTo'].map((action) => `kms:${action}`),
      this.#props.key.keyArn,
    );
  }
}
