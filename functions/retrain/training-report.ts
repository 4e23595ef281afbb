import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Task } from '../contracts/task.ts';
import {
  type CalibrationBin,
  calibrationRatio,
  equalMassBins,
} from '../measures/calibration-metrics.ts';
import {
  averagePrecision,
  brierScore,
  cheapestThreshold,
  decisionMetrics,
  decisionSums,
  type ErrorCosts,
  rocAuc,
} from '../measures/classification-metrics.ts';
import { normalisedGain, reciprocalRank } from '../measures/ranking-metrics.ts';
import {
  intervalMetrics,
  intervalSums,
  meanPinballLoss,
  regressionMetrics,
  regressionSums,
} from '../measures/regression-metrics.ts';
import type { Curve } from './boosted-heads.ts';
import { type ColumnImportance, columnImportance } from './feature-importance.ts';
import type { TrainedTask } from './trained-task.ts';
import type { TrainingParts } from './training-parts.ts';

/** What happened in a training, as data for a model card. */
export interface TrainingReport {
  readonly model: string;
  readonly trainer: string;
  readonly trainerVersion: string;
  readonly featureDigest: string;
  readonly seed: number;
  readonly rows: { readonly training: number; readonly validation: number };
  /** On the validation rows; a metric that is undefined there is absent. */
  readonly metrics: Readonly<Record<string, number>>;
  readonly curves: readonly Curve[];
  /** Most important first. */
  readonly importance: readonly ColumnImportance[];
  /** Probabilities promised and shares observed, ten groups of equal size; empty for regression. */
  readonly calibration: readonly CalibrationBin[];
  /** Classification: the score at which deciding costs least on the validation rows. */
  readonly threshold?: { readonly threshold: number; readonly costPerThousand: number };
  /** What a person should know of the data, in sentences. */
  readonly notes: readonly string[];
}

type TaskOf<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>;
type Answers = ReadonlyMap<string, Float64Array>;
type Metrics = Readonly<Record<string, number | undefined>>;

const CALIBRATION_BINS = 10;
const NO_ROWS = new Float64Array(0);

function regressionReport(task: TaskOf<'regression'>, answers: Answers, labels: Float64Array) {
  const { mae, rmse, bias, r2, withinToleranceShare } = regressionMetrics(
    regressionSums(labels, answers.get(task.prediction) ?? NO_ROWS, task.tolerance),
  );
  const metrics: Metrics = { mae, rmse, bias, r2, withinToleranceShare };
  const [low, high] = [task.quantiles[0], task.quantiles.at(-1)];
  if (!low || !high) return metrics;
  const losses = task.quantiles.map(
    ({ level, column }) => meanPinballLoss(level, labels, answers.get(column) ?? NO_ROWS) ?? 0,
  );
  const pinball = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  if (low === high) return { ...metrics, pinball };
  const { quantileCoverage } = intervalMetrics(
    intervalSums(labels, answers.get(low.column) ?? NO_ROWS, answers.get(high.column) ?? NO_ROWS, {
      lower: low.level,
      upper: high.level,
    }),
  );
  return { ...metrics, quantileCoverage, pinball };
}

function rankingReport(
  { cutoff, gain }: TaskOf<'ranking'>,
  scores: Float64Array,
  labels: Float64Array,
  queryStarts: Int32Array,
): Metrics {
  const ndcgs: number[] = [];
  let reciprocal = 0;
  const queries = queryStarts.length - 1;
  for (let query = 0; query < queries; query++) {
    const start = queryStarts[query] ?? 0;
    const order = Int32Array.from(
      { length: (queryStarts[query + 1] ?? start) - start },
      (_, at) => start + at,
    ).sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
    const served = Array.from(order, (row) => labels[row] ?? 0);
    const ndcg = normalisedGain(served, cutoff, gain);
    if (ndcg !== undefined) ndcgs.push(ndcg);
    reciprocal += reciprocalRank(served, cutoff);
  }
  const ndcg =
    ndcgs.length > 0 ? ndcgs.reduce((sum, each) => sum + each, 0) / ndcgs.length : undefined;
  return { ndcg, mrr: reciprocal / queries, queriesWithoutRelevant: queries - ndcgs.length };
}

/** Prices of errors of the validation rows, as the spec states them. */
function errorCosts(task: TaskOf<'classification'>, { validationRows }: TrainingParts): ErrorCosts {
  const { falsePositive, falseNegative } = task.cost;
  if (typeof falseNegative === 'number') return { falsePositive, falseNegative };
  const amounts = validationRows.instances.map((instance) => {
    const amount = instance[falseNegative.feature];
    return typeof amount === 'number' ? amount : 0;
  });
  return { falsePositive, falseNegative: amounts };
}

function classificationReport(
  task: TaskOf<'classification'>,
  parts: TrainingParts,
  scores: Float64Array,
) {
  const { labels, weights } = parts.validation.targets;
  const rows = { labels, scores, weights };
  const costs = errorCosts(task, parts);
  const best = cheapestThreshold(rows, costs);
  // A spec's threshold is below 1, and so is the score of a class that never pays to alert on.
  const threshold = Math.min(best.threshold, 1);
  const values = typeof costs.falseNegative === 'number' ? undefined : costs.falseNegative;
  const { precision, recall, costPerThousand, valueWeightedRecall } = decisionMetrics(
    decisionSums(rows, threshold, costs, values),
  );
  const metrics: Metrics = {
    averagePrecision: averagePrecision(rows),
    rocAuc: rocAuc(rows),
    brier: brierScore(rows),
    calibrationRatio: calibrationRatio(rows),
    precision,
    recall,
    valueWeightedRecall,
    costPerThousand,
  };
  return { metrics, threshold: { threshold, costPerThousand: costPerThousand ?? 0 } };
}

function notesOf({ training, validation, columns }: TrainingParts): string[] {
  const notes: string[] = [];
  const { rows, values } = training.table;
  columns.forEach(({ name, kind, categories }, at) => {
    const column = values.subarray(at * rows, (at + 1) * rows);
    const isMissing = kind === 'number' ? Number.isNaN : (code: number) => code === 0;
    if (column.every((value) => isMissing(value)))
      notes.push(
        kind === 'number'
          ? `${name} is missing in every training row: the model does not use it`
          : `no value of ${name} occurs twice: the model does not use it`,
      );
    else if (categories.length > 100)
      notes.push(`${name} has ${categories.length} categories: is it an identifier?`);
  });
  const { labels } = training.targets;
  if (labels.every((label) => label === labels[0]))
    notes.push(`every training label is ${labels[0]}: the model answers that for every row`);
  if (validation.table.rows < 100)
    notes.push(`only ${validation.table.rows} validation rows: the metrics are rough`);
  return notes;
}

const present = (metrics: Metrics): Record<string, number> =>
  Object.fromEntries(
    Object.entries(metrics).flatMap(([name, value]) =>
      value === undefined ? [] : [[name, value] as const],
    ),
  );

function taskReport(task: Task, parts: TrainingParts, answers: Answers) {
  const { labels, weights, queryStarts } = parts.validation.targets;
  if (task.kind === 'regression')
    return { metrics: present(regressionReport(task, answers, labels)), calibration: [] };
  const scores = answers.get(task.score) ?? NO_ROWS;
  const interested = labels.map((label) => Number(label > 0));
  const calibration = equalMassBins({ labels: interested, scores, weights }, CALIBRATION_BINS);
  if (task.kind === 'ranking')
    return { metrics: present(rankingReport(task, scores, labels, queryStarts)), calibration };
  const { metrics, threshold } = classificationReport(task, parts, scores);
  return { metrics: present(metrics), calibration, threshold };
}

export function reportTraining(
  spec: ModelSpec,
  parts: TrainingParts,
  trained: TrainedTask,
  provenance: Pick<TrainingReport, 'trainer' | 'trainerVersion' | 'featureDigest' | 'seed'>,
): TrainingReport {
  const { training, validation } = parts;
  return {
    model: spec.name,
    ...provenance,
    rows: { training: training.table.rows, validation: validation.table.rows },
    ...taskReport(spec.task, parts, trained.answers(validation.table)),
    curves: trained.scorer.curves,
    importance: columnImportance(spec.task, parts, trained.scorer, provenance.seed),
    notes: notesOf(parts),
  };
}
