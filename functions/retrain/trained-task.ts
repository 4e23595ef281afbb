import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Task } from '../contracts/task.ts';
import type { Head, Progress, Scorer } from './boosted-heads.ts';
import { type Calibration, calibrate, fitCalibration } from './calibration.ts';
import type { FeatureTable, Targets, TrainingData } from './feature-table.ts';
import { anomalies, growIsolationForest, type IsolationForest } from './isolation-forest.ts';
import { lambdaMart, type RankingRules } from './lambda-mart.ts';
import { logLoss, pinball, squaredError, weightedQuantile } from './objective.ts';
import { type GraphBuilder, scalar } from './onnx-graph.ts';
import {
  exportAnomaly,
  exportCalibration,
  exportRegressionAnswers,
  regressionAnswers,
} from './output-stage.ts';
import type { TrainingParts } from './training-parts.ts';
import { exportEnsembles } from './tree-export.ts';

/** A trained model behind its output columns. */
export interface TrainedTask {
  readonly scorer: Scorer;
  /** Answers by name of output column, one a row. */
  answers(table: FeatureTable): Map<string, Float64Array>;
  export(graph: GraphBuilder, features: string): Map<string, string>;
}

/** Learns scores for heads; the kind of model is behind it. */
export type Learner = (heads: readonly Head[]) => Generator<Progress, Scorer>;

type TaskOf<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>;

/** Pairs below the results a person sees still teach a little, as LightGBM's guide advises. */
const TRUNCATION_BEYOND_CUTOFF = 20;

export function headsOf(task: Task): Head[] {
  switch (task.kind) {
    case 'regression':
      return [
        { name: task.prediction, loss: 'squared error', objective: squaredError },
        ...task.quantiles.map(({ level, column }) => ({
          name: column,
          loss: `pinball ${level}`,
          objective: (targets: Targets) => pinball(targets, level),
        })),
      ];
    case 'ranking': {
      const { cutoff, gain } = task;
      const rules: RankingRules = { cutoff, gain, truncation: cutoff + TRUNCATION_BEYOND_CUTOFF };
      const objective = (targets: Targets) => lambdaMart(targets, rules);
      return [{ name: task.score, loss: `1 - NDCG@${cutoff}`, objective }];
    }
    case 'classification':
      return [{ name: task.score, loss: 'log loss', objective: logLoss }];
  }
}

/**
 * What to add to each head so that quantiles hold their level on rows the trees have not seen: trees cover
 * too little of the tails they were fitted to. Split conformal prediction (Romano et al. 2019), a side each.
 */
function quantileShifts(
  { quantiles }: TaskOf<'regression'>,
  { table, targets }: TrainingData,
  scorer: Scorer,
): number[] {
  const shifts = quantiles.map(({ level }, at) => {
    const scores = scorer.scores(table, at + 1);
    const residuals = targets.labels.map((label, row) => label - (scores[row] ?? 0));
    return weightedQuantile(residuals, targets.weights, level);
  });
  return [0, ...shifts];
}

export function* trainRegression(
  task: TaskOf<'regression'>,
  { validation }: TrainingParts,
  learn: Learner,
): Generator<Progress, TrainedTask> {
  const scorer = yield* learn(headsOf(task));
  const shifts = quantileShifts(task, validation, scorer);
  return {
    scorer,
    answers: (table) =>
      regressionAnswers(
        task,
        shifts.map((shift, at) => scorer.scores(table, at).map((score) => score + shift)),
      ),
    export(graph, features) {
      const scores = scorer.export(graph, features);
      const shifted = scores.map((score, at) =>
        shifts[at] === 0 ? score : graph.add('Add', [score, scalar(graph, shifts[at] ?? 0)]),
      );
      return exportRegressionAnswers(graph, task, shifted);
    },
  };
}

/** The score as a probability of interest (relevance above 0), which keeps the order. */
export function* trainRanking(
  task: TaskOf<'ranking'>,
  { validation }: TrainingParts,
  learn: Learner,
): Generator<Progress, TrainedTask> {
  const scorer = yield* learn(headsOf(task));
  const { labels, weights } = validation.targets;
  const interested = labels.map((label) => Number(label > 0));
  const calibration = fitCalibration([scorer.scores(validation.table, 0)], interested, weights);
  return {
    scorer,
    answers: (table) => new Map([[task.score, calibrate(calibration, [scorer.scores(table, 0)])]]),
    export: (graph, features) =>
      new Map([
        [task.score, exportCalibration(graph, calibration, scorer.export(graph, features))],
      ]),
  };
}

/** Output columns beside the score: the anomaly, if the model has one. */
function anomalyColumn({ signature }: ModelSpec, { score }: TaskOf<'classification'>) {
  return signature.outputs.flatMap(({ columns }) => columns).find((column) => column !== score);
}

interface Combined {
  readonly scorer: Scorer;
  readonly forest: IsolationForest | undefined;
  readonly calibration: Calibration;
}

function combinedTask(score: string, anomaly: string, combined: Combined): TrainedTask {
  const { scorer, forest, calibration } = combined;
  return {
    scorer,
    answers(table) {
      const evidence = forest ? [anomalies(forest, table)] : [];
      const probability = calibrate(calibration, [scorer.scores(table, 0), ...evidence]);
      return new Map([[score, probability], ...evidence.map((each) => [anomaly, each] as const)]);
    },
    export(graph, features) {
      const evidence = forest
        ? exportEnsembles(graph, features, [forest.ensemble]).map((paths) =>
            exportAnomaly(graph, forest, paths),
          )
        : [];
      const inputs = [...scorer.export(graph, features), ...evidence];
      const probability = exportCalibration(graph, calibration, inputs);
      return new Map([[score, probability], ...evidence.map((each) => [anomaly, each] as const)]);
    },
  };
}

/**
 * Boosted log-odds and, with `anomalyTrees`, isolation-forest anomalies meet in one calibrated probability.
 * They are combined after the trees rather than as one more feature: a feature that the graph computes
 * itself would differ in its last bits and fall on the other side of some threshold.
 */
export function* trainClassification(
  spec: ModelSpec,
  task: TaskOf<'classification'>,
  { training, validation }: TrainingParts,
  learn: Learner,
  anomaly: { readonly trees: number; readonly seed: number },
): Generator<Progress, TrainedTask> {
  const scorer = yield* learn(headsOf(task));
  const forest =
    anomaly.trees > 0
      ? growIsolationForest(training.table, anomaly.trees, anomaly.seed)
      : undefined;
  yield { stage: 'anomaly', done: anomaly.trees, total: anomaly.trees };
  const { labels, weights } = validation.targets;
  const evidence = forest ? [anomalies(forest, validation.table)] : [];
  const calibration = fitCalibration(
    [scorer.scores(validation.table, 0), ...evidence],
    labels,
    weights,
  );
  const column = anomalyColumn(spec, task) ?? 'anomaly';
  return combinedTask(task.score, column, { scorer, forest, calibration });
}
