import type { IKey } from 'aws-cdk-lib/aws-kms';
import { Queue, QueueEncryption } from 'aws-cdk-lib/aws-sqs';
import { Duration, RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { acknowledge } from '../acknowledgements.ts';
import { Api } from '../api.ts';
import { Curate } from '../capabilities/curate.ts';
import { Evaluate } from '../capabilities/evaluate.ts';
import { Promote } from '../capabilities/promote.ts';
import { Record } from '../capabilities/record.ts';
import { Serve } from '../capabilities/serve.ts';
import { type Config, DEFAULTS } from '../config.ts';
import type { ServiceFunction } from '../service-function.ts';
import type { StatefulStack } from './stateful.ts';

/**
 * START HERE. The flow as wiring: versions are registered and routes are set (promote); requests are
 * answered by the versions that the route names (serve); predictions are kept and meet their outcomes
 * (record); files become the datasets everyone shares (curate); versions are judged on them (evaluate).
 */
export class DeliveryStack extends Stack {
  readonly api: Api;
  readonly deadLetters: Queue;
  readonly recording: Record;
  /** Functions that belong to no single model. */
  readonly sharedFunctions: readonly ServiceFunction[];

  constructor(
    scope: Construct,
    id: string,
    config: Config,
    stateful: StatefulStack,
    specs: readonly ModelSpec[],
  ) {
    super(scope, id, {
      env: { region: config.region },
      description: 'Slipway: from request to prediction, from version to route',
    });
    this.deadLetters = this.#deadLetterQueue(stateful.key);
    this.api = new Api(this, 'Api', { config, key: stateful.key });
    const { deadLetters, api } = this;
    const shared = { ...keptBy(stateful), config, specs, api, deadLetters };
    const promote = new Promote(this, 'Promote', shared);
    this.recording = new Record(this, 'Record', shared);
    const { recorder, queues } = this.recording;
    const { work } = queues;
    const { catalog, models } = new Serve(this, 'Serve', { ...shared, recorder });
    const curate = new Curate(this, 'Curate', shared);
    const evaluate = new Evaluate(this, 'Evaluate', { ...shared, models, work });
    const { datasetEvaluation } = evaluate;
    const trials = new Map([...models].map(([name, { trial }]) => [name, trial]));
    promote.drawMachines({ ...shared, datasetEvaluation, trials });
    this.sharedFunctions = [
      ...promote.functions,
      catalog,
      ...this.recording.functions,
      ...curate.functions,
      ...evaluate.functions,
    ];
  }

  #deadLetterQueue(key: IKey): Queue {
    const deadLetters = new Queue(this, 'DeadLetters', {
      encryption: QueueEncryption.KMS,
      encryptionMasterKey: key,
      enforceSSL: true,
      retentionPeriod: DEFAULTS.deadLetterRetention,
      visibilityTimeout: Duration.minutes(5),
      removalPolicy: RemovalPolicy.RETAIN,
    });
    acknowledge(deadLetters, 'SQS3', 'This is the dead-letter queue; an alarm watches it.');
    return deadLetters;
  }
}

/** The stores and keys, each capability taking those it names. */
const keptBy = (stateful: StatefulStack) => ({
  key: stateful.key,
  sealingKey: stateful.sealingKey,
  hashKey: stateful.hashKey,
  artifacts: stateful.artifacts,
  versions: stateful.versions,
  routes: stateful.routes,
  joins: stateful.joins,
  units: stateful.units,
  archive: stateful.archive,
  datasetsKey: stateful.datasetsKey,
  datasets: stateful.datasets,
  datasetTable: stateful.datasetTable,
  promotions: stateful.promotions,
  evaluations: stateful.evaluations,
  bus: stateful.bus,
});
