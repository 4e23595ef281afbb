import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { PolicyStatement, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import { type CfnPermission, EventSourceMapping, type IFunction } from 'aws-cdk-lib/aws-lambda';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { ArnFormat, RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { ARCHIVED_LINES_PREFIX } from '../../functions/contracts/archive.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { LogRecordingEnv, OutcomesEnv, RecordsEnv } from '../../functions/record/env.ts';
import { acknowledge, importedPatternFinding } from '../acknowledgements.ts';
import type { Api } from '../api.ts';
import { ArchiveStreams } from '../archive-streams.ts';
import { type Config, DEFAULTS } from '../config.ts';
import { grantKeyUse } from '../key-use.ts';
import type { RecordingQueues } from '../recording-alarms.ts';
import { ServiceFunction } from '../service-function.ts';

export interface RecordProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  readonly api: Api;
  readonly key: IKey;
  readonly joins: TableV2;
  readonly units: TableV2;
  readonly archive: Bucket;
}

/** What serving logs is handed to this function; the permission must be there before a subscription is. */
export interface LogRecorder {
  readonly target: IFunction;
  readonly admission: CfnPermission;
}

/** Predictions are kept and meet their outcomes. */
export class Record extends Construct {
  readonly recorder: LogRecorder;
  /** Watched by alarms: what is in them waits for somebody. */
  readonly queues: { readonly [Name in keyof RecordingQueues]: Queue };
  readonly functions: readonly ServiceFunction[];
  readonly #props: RecordProps;
  readonly #streams: ArchiveStreams;

  constructor(scope: Construct, id: string, props: RecordProps) {
    super(scope, id);
    this.#props = props;
    const { config, key, archive, specs } = props;
    this.#streams = new ArchiveStreams(this, 'Archive', {
      config,
      models: specs.map(({ name }) => name),
      key,
      bucket: archive,
    });
    const parked = this.#queue('Parked', 'Items that failed again and again, and poison lines');
    const deliveries = this.#queue('Deliveries', 'Deliveries of the log that failed whole');
    const work = this.#workQueue(parked);
    this.queues = { parked, deliveries, work };
    const logged = this.#logRecorder();
    const retrying = this.#retryingRecorder();
    const outcomes = this.#outcomesApi();
    const records = this.#recordsApi(logged);
    this.recorder = { target: logged, admission: this.#admitLogs(logged) };
    this.functions = [logged, retrying, outcomes, records];
  }

  #queue(id: string, finding: string): Queue {
    const queue = new Queue(this, id, {
      ...this.#queueSettings(),
      retentionPeriod: DEFAULTS.deadLetterRetention,
    });
    acknowledge(queue, 'SQS3', `${finding}: this is where they wait, and an alarm watches it.`);
    return queue;
  }

  #workQueue(parked: Queue): Queue {
    return new Queue(this, 'Work', {
      ...this.#queueSettings(),
      deadLetterQueue: { queue: parked, maxReceiveCount: DEFAULTS.recordAttempts },
    });
  }

  #queueSettings() {
    return {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: this.#props.key,
      enforceSSL: true,
      visibilityTimeout: DEFAULTS.recordVisibility,
      removalPolicy: RemovalPolicy.RETAIN,
    };
  }

  #logRecorder(): ServiceFunction {
    const logged = new ServiceFunction(this, 'Logged', {
      ...this.#recording(),
      handler: 'record/predictions-logged',
      description: 'Keeps what serving logs and scores what has its outcome',
      env: LogRecordingEnv,
      environment: { ...this.#stores(), ...this.#queueUrls() },
      invocation: { kind: 'asynchronous', deadLetters: this.queues.deliveries },
    });
    this.#grantStores(logged);
    this.#grantSend(logged, [this.queues.work, this.queues.parked]);
    return logged;
  }

  #retryingRecorder(): ServiceFunction {
    const { work, parked } = this.queues;
    const retrying = new ServiceFunction(this, 'Retrying', {
      ...this.#recording(),
      handler: 'record/failed-records',
      description: 'Keeps what failed while the rest of its delivery succeeded',
      env: LogRecordingEnv,
      environment: { ...this.#stores(), ...this.#queueUrls() },
      invocation: { kind: 'synchronous' },
    });
    this.#grantStores(retrying);
    this.#grantSend(retrying, [parked]);
    retrying.addToRolePolicy(
      new PolicyStatement({
        actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
        resources: [work.queueArn],
      }),
    );
    new EventSourceMapping(this, 'Retries', {
      target: retrying,
      eventSourceArn: work.queueArn,
      batchSize: 10,
      reportBatchItemFailures: true,
    });
    return retrying;
  }

  #outcomesApi(): ServiceFunction {
    const { api } = this.#props;
    const outcomes = new ServiceFunction(this, 'Outcomes', {
      ...this.#recording(),
      handler: 'record/outcomes-api',
      description: 'Takes outcomes from the callers that asked for the predictions',
      env: OutcomesEnv,
      environment: this.#stores(),
      invocation: { kind: 'synchronous' },
      timeout: DEFAULTS.apiTimeout,
    });
    this.#grantStores(outcomes);
    api.route('v1/outcomes', ['ANY'], outcomes, 'callers');
    api.admitTo(outcomes, 'Admit', 'v1/outcomes');
    return outcomes;
  }

  #recordsApi(logged: ServiceFunction): ServiceFunction {
    const { config, key, api, joins } = this.#props;
    const { work, parked, deliveries } = this.queues;
    const records = new ServiceFunction(this, 'Records', {
      handler: 'record/records-api',
      description: 'What is known of a prediction, and redriving, for operators',
      env: RecordsEnv,
      environment: {
        JOIN_TABLE: joins.tableName,
        ...this.#queueUrls(),
        DELIVERY_QUEUE: deliveries.queueUrl,
        RECORDER: logged.functionName,
      },
      invocation: { kind: 'synchronous' },
      stage: config.stage,
      key,
    });
    this.#grantTable(records, joins, ['Query']);
    this.#grantSend(records, [work]);
    records.addToRolePolicy(
      new PolicyStatement({
        actions: ['sqs:ReceiveMessage', 'sqs:DeleteMessage'],
        resources: [parked.queueArn, deliveries.queueArn],
      }),
    );
    records.addToRolePolicy(
      new PolicyStatement({
        actions: ['lambda:InvokeFunction'],
        resources: [logged.functionArn],
      }),
    );
    api.route('v1/records/{proxy+}', ['ANY'], records, 'operators');
    api.admitTo(records, 'Admit', 'v1/records/*');
    return records;
  }

  /** One permission for the logs of all models: a function's policy holds 20 kB. */
  #admitLogs(logged: ServiceFunction): CfnPermission {
    const { config } = this.#props;
    const stack = Stack.of(this);
    logged.addPermission('AdmitLogs', {
      principal: new ServicePrincipal('logs.amazonaws.com'),
      sourceArn: stack.formatArn({
        service: 'logs',
        resource: 'log-group',
        resourceName: `/slipway/${config.stage}/serve/*`,
        arnFormat: ArnFormat.COLON_RESOURCE_NAME,
      }),
      sourceAccount: stack.account,
    });
    return logged.node.findChild('AdmitLogs') as CfnPermission;
  }

  /** What the functions that record have in common. */
  #recording() {
    const { config, key, specs } = this.#props;
    return {
      files: { id: 'all', content: { 'specs.json': specs } },
      stage: config.stage,
      key,
      memoryMb: DEFAULTS.recordMemoryMb,
      timeout: DEFAULTS.recordTimeout,
    };
  }

  #stores() {
    const { joins, units, archive } = this.#props;
    return {
      JOIN_TABLE: joins.tableName,
      UNIT_TABLE: units.tableName,
      ARCHIVE_BUCKET: archive.bucketName,
      PREDICTION_STREAM: this.#streams.streamName('predictions'),
      OUTCOME_STREAM: this.#streams.streamName('outcomes'),
      SCORE_STREAM: this.#streams.streamName('scores'),
    };
  }

  #queueUrls() {
    const { work, parked } = this.queues;
    return { WORK_QUEUE: work.queueUrl, PARKED_QUEUE: parked.queueUrl };
  }

  #grantStores(recorder: ServiceFunction): void {
    const { joins, units, archive, key } = this.#props;
    this.#grantTable(recorder, joins, ['Query', 'PutItem']);
    this.#grantTable(recorder, units, ['PutItem', 'UpdateItem']);
    this.#streams.grantPut(recorder);
    const lines = `${ARCHIVED_LINES_PREFIX}*`;
    recorder.addToRolePolicy(
      new PolicyStatement({
        actions: ['s3:PutObject'],
        resources: [archive.arnForObjects(lines)],
      }),
    );
    acknowledge(
      recorder.role,
      importedPatternFinding(Stack.of(archive), archive.bucketArn, `/${lines}`),
      'Lines lie under the ids of their predictions.',
    );
    grantKeyUse(recorder, key);
  }

  /** CDK's own grant would add every index of the table. */
  #grantTable(to: ServiceFunction, table: TableV2, actions: readonly string[]): void {
    to.addToRolePolicy(
      new PolicyStatement({
        actions: actions.map((action) => `dynamodb:${action}`),
        resources: [table.tableArn],
      }),
    );
  }

  #grantSend(sender: ServiceFunction, queues: readonly Queue[]): void {
    sender.addToRolePolicy(
      new PolicyStatement({
        actions: ['sqs:SendMessage'],
        resources: queues.map(({ queueArn }) => queueArn),
      }),
    );
    grantKeyUse(sender, this.#props.key);
  }
}
