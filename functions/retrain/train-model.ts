import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Retraining } from '../contracts/retraining.ts';
import { encodeModel } from '../runtime/onnx-encoder.ts';
import { boostHeads, type Progress } from './boosted-heads.ts';
import { BOOSTING_DEFAULTS, type BoostingOptions } from './boosting.ts';
import { MOST_BINS } from './feature-bins.ts';
import type { Instance, LabelledRows } from './labelled-rows.ts';
import { trainPerceptron } from './multilayer-perceptron.ts';
import { emitOutputs, encodeInputs, graphBuilder, ML_DOMAIN, tensorInfos } from './onnx-graph.ts';
import { encodeRows } from './row-encoding.ts';
import {
  type Learner,
  type TrainedTask,
  trainClassification,
  trainRanking,
  trainRegression,
} from './trained-task.ts';
import { type ClassWeights, prepareParts, type TrainingParts } from './training-parts.ts';
import { reportTraining, type TrainingReport } from './training-report.ts';

/** Stamped into every model; raised when the same rows and seed would give other bytes. */
export const TRAINER_VERSION = '1';

type Trainer = Retraining['trainer'];

export interface TrainingOptions {
  /** Same rows, spec, options and seed: same bytes. */
  readonly seed: number;
  /** Instead of the trainer the spec names. */
  readonly trainer?: Trainer;
  /** Beyond what a spec can say: sampling, regularisation, early stopping. */
  readonly boosting?: Partial<BoostingOptions>;
  /** Classification: what training rows of a class count, by its name. */
  readonly classWeights?: ClassWeights;
  /** Rows to stop early, calibrate and report on; a seeded fifth of the rows without them. */
  readonly validation?: LabelledRows;
  readonly onProgress?: (progress: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface TrainedModel {
  /** One self-contained graph with the spec's signature. */
  readonly onnx: Uint8Array;
  readonly report: TrainingReport;
  /**
   * What the trainer itself answers, without ONNX: rows × output columns of the signature, row-major, in
   * float64. The graph agrees within a relative 1e-5.
   */
  readonly answer: (instances: readonly Instance[]) => Float64Array;
}

/** Isolation trees where a trainer that does not say how many must answer with an anomaly. */
const ANOMALY_TREES = 100;

/** Bins cost as much as rows do in a small training; 255 only pay where rows are many. */
const binsFor = (rows: number): number => (rows < 40_000 ? 127 : MOST_BINS);

/**
 * What a spec leaves open, by task. NDCG on a few hundred queries jumps from tree to tree, and lambdas of
 * noisy clicks have small hessians: judged on single trees, ranking would stop at the first lucky one.
 */
const BOOSTING_OF_TASK: Readonly<Record<ModelSpec['task']['kind'], Partial<BoostingOptions>>> = {
  regression: { patience: 20, l2: 1 },
  classification: { patience: 20, l2: 1 },
  ranking: { patience: 40, smoothing: 15, l2: 20, columnShare: 0.6 },
};

function boostingLearner(
  { task }: ModelSpec,
  trainer: Extract<Trainer, { kind: 'gbdt' }>,
  parts: TrainingParts,
  { seed, boosting }: TrainingOptions,
): Learner {
  const { trees, leaves, learningRate, minimumChildRows } = trainer;
  const bins = binsFor(parts.training.table.rows);
  const given = { trees, leaves, learningRate, minimumChildRows, bins, seed };
  const usual = { ...BOOSTING_DEFAULTS, ...BOOSTING_OF_TASK[task.kind] };
  const options = { ...usual, ...given, ...boosting };
  return (heads) => boostHeads(heads, parts, options);
}

function learnerOf(
  spec: ModelSpec,
  trainer: Trainer,
  parts: TrainingParts,
  options: TrainingOptions,
): Learner {
  switch (trainer.kind) {
    case 'gbdt':
      return boostingLearner(spec, trainer, parts, options);
    case 'mlp':
      return (heads) => trainPerceptron(heads, parts, { ...trainer, seed: options.seed });
    case 'sagemaker-xgboost':
      throw new Error(`${spec.name}: sagemaker-xgboost trains on SageMaker, not in this process`);
  }
}

function* trainTask(
  spec: ModelSpec,
  trainer: Trainer,
  parts: TrainingParts,
  options: TrainingOptions,
): Generator<Progress, TrainedTask> {
  const learn = learnerOf(spec, trainer, parts, options);
  const { task } = spec;
  switch (task.kind) {
    case 'regression':
      return yield* trainRegression(task, parts, learn);
    case 'ranking':
      return yield* trainRanking(task, parts, learn);
    case 'classification': {
      const asked = spec.signature.outputs.flatMap(({ columns }) => columns).length > 1;
      const trees = trainer.kind === 'gbdt' ? trainer.anomalyTrees : Number(asked) * ANOMALY_TREES;
      const anomaly = { trees, seed: options.seed };
      return yield* trainClassification(spec, task, parts, learn, anomaly);
    }
  }
}

/** SHA-256, in hex, of the features and the signature: what a row must look like for this model. */
async function featureDigest({ features, signature }: ModelSpec): Promise<string> {
  const text = new TextEncoder().encode(JSON.stringify({ features, signature }));
  const digest = new Uint8Array(await crypto.subtle.digest('SHA-256', text));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');
}

function exportModel(
  spec: ModelSpec,
  parts: TrainingParts,
  trained: TrainedTask,
  metadata: Readonly<Record<string, string>>,
): Uint8Array {
  const graph = graphBuilder();
  const features = encodeInputs(graph, spec, parts.columns);
  emitOutputs(graph, spec, trained.export(graph, features));
  return encodeModel({
    // The newest that runtimes of three years ago read: IR 8, opset 17, ai.onnx.ml 3.
    irVersion: 8,
    opsets: [
      { domain: '', version: 17 },
      { domain: ML_DOMAIN, version: 3 },
    ],
    producer: { name: 'slipway', version: TRAINER_VERSION },
    metadata,
    graph: {
      name: spec.name,
      nodes: graph.nodes,
      initializers: graph.initializers,
      inputs: tensorInfos(spec.signature.inputs),
      outputs: tensorInfos(spec.signature.outputs),
    },
  });
}

function answerRows(
  { signature }: ModelSpec,
  parts: TrainingParts,
  trained: TrainedTask,
  instances: readonly Instance[],
): Float64Array {
  const columns = signature.outputs.flatMap((output) => output.columns);
  const answers = trained.answers(encodeRows(parts.inputs, parts.columns, instances));
  const flat = new Float64Array(instances.length * columns.length);
  columns.forEach((column, at) => {
    answers.get(column)?.forEach((value, row) => {
      flat[row * columns.length + at] = value;
    });
  });
  return flat;
}

/** Runs a training to its end, letting the event loop turn after every step. */
async function drive<Result>(
  steps: Generator<Progress, Result>,
  { onProgress, signal }: TrainingOptions,
): Promise<Result> {
  for (;;) {
    signal?.throwIfAborted();
    const step = steps.next();
    if (step.done) return step.value;
    onProgress?.(step.value);
    await new Promise<void>((resume) => void setImmediate(resume));
  }
}

/**
 * Trains the model a spec describes and writes it as ONNX.
 * @throws TrainingDataError for rows that cannot be trained on; the signal's reason when aborted.
 */
export async function trainModel(
  spec: ModelSpec,
  rows: LabelledRows,
  options: TrainingOptions,
): Promise<TrainedModel> {
  const trainer = options.trainer ?? spec.retraining.trainer;
  const parts = prepareParts(spec, rows, options.validation, options);
  const trained = await drive(trainTask(spec, trainer, parts, options), options);
  const digest = await featureDigest(spec);
  const report = reportTraining(spec, parts, trained, {
    trainer: trainer.kind,
    trainerVersion: TRAINER_VERSION,
    featureDigest: digest,
    seed: options.seed,
  });
  const metadata = {
    'slipway.model': spec.name,
    'slipway.features.sha256': digest,
    'slipway.trainer': `${trainer.kind} ${TRAINER_VERSION}`,
    'slipway.seed': String(options.seed),
    ...(report.threshold && { 'slipway.threshold': String(report.threshold.threshold) }),
  };
  return {
    onnx: exportModel(spec, parts, trained, metadata),
    report,
    answer: (instances) => answerRows(spec, parts, trained, instances),
  };
}
