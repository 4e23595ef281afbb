import type { TableV2 } from 'aws-cdk-lib/aws-dynamodb';
import { type EventBus, Rule } from 'aws-cdk-lib/aws-events';
import { LambdaFunction } from 'aws-cdk-lib/aws-events-targets';
import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { Bucket } from 'aws-cdk-lib/aws-s3';
import type { Queue } from 'aws-cdk-lib/aws-sqs';
import { Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { DATASET_EVENTS } from '../../functions/contracts/dataset-events.ts';
import { EVENT_SOURCE } from '../../functions/contracts/event-bus.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { DatasetEvaluationEnv } from '../../functions/evaluate/env.ts';
import { acknowledge, importedPatternFinding } from '../acknowledgements.ts';
import { type Config, DEFAULTS } from '../config.ts';
import { EvaluatedModel } from '../evaluated-model.ts';
import { grantKeyUse } from '../key-use.ts';
import { onnxRuntimeLayer } from '../onnxruntime-layer.ts';
import { ScheduledEvaluation } from '../scheduled-evaluation.ts';
import { type Invocation, ServiceFunction } from '../service-function.ts';
import type { ServedModel } from './serve.ts';

export interface EvaluateProps {
  readonly config: Config;
  readonly specs: readonly ModelSpec[];
  /** By name. */
  readonly models: ReadonlyMap<string, Pick<ServedModel, 'server'>>;
  readonly key: IKey;
  readonly datasetsKey: IKey;
  readonly datasets: Bucket;
  readonly artifacts: Bucket;
  readonly versions: TableV2;
  readonly routes: TableV2;
  readonly evaluations: TableV2;
  readonly joins: TableV2;
  readonly archive: Bucket;
  /** Of recording. */
  readonly work: Queue;
  readonly bus: EventBus;
  readonly deadLetters: Queue;
}

/** Versions are judged on datasets and by what they meet online; objectives that are missed raise alarms. */
export class Evaluate extends Construct {
  readonly functions: readonly ServiceFunction[];
  /** Takes an `EvaluationRequest`, answers with the results. */
  readonly datasetEvaluation: ServiceFunction;
  readonly #props: EvaluateProps;

  constructor(scope: Construct, id: string, props: EvaluateProps) {
    super(scope, id);
    this.#props = props;
    this.datasetEvaluation = this.#evaluator(
      'DatasetEvaluation',
      'evaluate/dataset-evaluation',
      'Versions are judged on one dataset',
      { kind: 'synchronous' },
    );
    const rebaseline = this.#evaluator(
      'ValidationMoved',
      'evaluate/validation-moved',
      'The champion is judged on the validation set as it is now',
      { kind: 'asynchronous', deadLetters: props.deadLetters },
    );
    const scheduled = new ScheduledEvaluation(this, 'Scheduled', props);
    this.functions = [this.datasetEvaluation, rebaseline, ...scheduled.functions];
    new Rule(this, 'OnValidationMoved', {
      eventBus: props.bus,
      description: 'A moved validation set is a new baseline',
      eventPattern: {
        source: [EVENT_SOURCE],
        detailType: [DATASET_EVENTS.pointerMoved],
        detail: { pointer: ['validation'] },
      },
      targets: [new LambdaFunction(rebaseline)],
    });
    this.#watchModels(scheduled);
  }

  #watchModels(scheduled: ScheduledEvaluation): void {
    const { config, specs, models } = this.#props;
    for (const spec of specs) {
      const server = models.get(spec.name)?.server;
      if (!server) throw new Error(`no function serves ${spec.name}`);
      new EvaluatedModel(this, spec.name, { config, spec, server, scheduled });
    }
  }

  #evaluator(
    id: string,
    handler: 'evaluate/dataset-evaluation' | 'evaluate/validation-moved',
    description: string,
    invocation: Invocation,
  ): ServiceFunction {
    const { config, specs, key, datasets, artifacts, versions, routes, evaluations, bus } =
      this.#props;
    const memoryMb = DEFAULTS.evaluationMemoryMb;
    const evaluator = new ServiceFunction(this, id, {
      handler,
      description,
      env: DatasetEvaluationEnv,
      environment: {
        VERSION_TABLE: versions.tableName,
        ROUTE_TABLE: routes.tableName,
        ARTIFACT_BUCKET: artifacts.bucketName,
        DATASET_BUCKET: datasets.bucketName,
        EVALUATION_TABLE: evaluations.tableName,
        EVENT_BUS: bus.eventBusName,
        MEMORY_MB: String(memoryMb),
      },
      files: { id: 'all', content: { 'specs.json': specs } },
      invocation,
      stage: config.stage,
      key,
      memoryMb,
      timeout: Duration.minutes(15),
      layers: [onnxRuntimeLayer(Stack.of(this), 'x86_64')],
    });
    versions.grant(evaluator, 'dynamodb:GetItem');
    routes.grant(evaluator, 'dynamodb:GetItem');
    evaluations.grant(evaluator, 'dynamodb:GetItem', 'dynamodb:PutItem');
    this.#grantObjects(evaluator, artifacts, 's3:GetObject', 'artifacts');
    this.#grantObjects(evaluator, datasets, 's3:GetObject', 'datasets');
    this.#grantObjects(evaluator, datasets, 's3:PutObject', 'evaluations');
    grantKeyUse(evaluator, key, this.#props.datasetsKey);
    evaluator.addToRolePolicy(
      new PolicyStatement({ actions: ['events:PutEvents'], resources: [bus.eventBusArn] }),
    );
    return evaluator;
  }

  #grantObjects(evaluator: ServiceFunction, bucket: Bucket, action: string, prefix: string): void {
    evaluator.addToRolePolicy(
      new PolicyStatement({
        actions: [action],
        resources: [bucket.arnForObjects(`${prefix}/*`)],
      }),
    );
    acknowledge(
      evaluator.role,
      importedPatternFinding(Stack.of(bucket), bucket.bucketArn, `/${prefix}/*`),
      `Keys below ${prefix}/ are digests that are not known before they are written.`,
    );
  }
}
