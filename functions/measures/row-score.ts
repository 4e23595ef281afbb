import type { Components, MetricId, QualityComponent } from '../contracts/quality-metric.ts';
import { METRIC_DEFINITIONS } from '../contracts/quality-metric.ts';
import type { Task } from '../contracts/task.ts';
import { decisionSums } from './classification-metrics.ts';
import { normalisedGain, reciprocalRank } from './ranking-metrics.ts';
import { pinballLoss } from './regression-metrics.ts';

type TaskOf<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>;

/** Output columns of one row by name; absent where the model gave no finite number. */
export type RowOutputs = Readonly<Record<string, number | undefined>>;

/** What became of one ranked item; silence is `none`. */
export type Interaction = 'none' | 'click' | 'purchase';

/**
 * What a regression row adds to the metrics once its outcome is known.
 * @param outcome in the task's unit.
 * @returns undefined when the model gave no number to compare with.
 */
export function scoreRegression(
  task: TaskOf<'regression'>,
  outputs: RowOutputs,
  outcome: number,
): Components | undefined {
  const prediction = outputs[task.prediction];
  if (prediction === undefined) return undefined;
  const error = prediction - outcome;
  return {
    labels: 1,
    error,
    absoluteError: Math.abs(error),
    squaredError: error * error,
    withinTolerance: Number(Math.abs(error) <= task.tolerance),
    ...quantileScores(task, outputs, outcome),
  };
}

function quantileScores(
  { quantiles }: TaskOf<'regression'>,
  outputs: RowOutputs,
  outcome: number,
): Components {
  const [lowest, highest] = [quantiles[0], quantiles.at(-1)];
  if (!lowest || !highest) return {};
  const valueOf = ({ column }: { readonly column: string }): number =>
    outputs[column] ?? Number.NaN;
  const losses = quantiles.map((each) => pinballLoss(each.level, outcome, valueOf(each)));
  const pinball = losses.reduce((sum, loss) => sum + loss, 0) / losses.length;
  if (Number.isNaN(pinball)) return {};
  return {
    quantileLabels: 1,
    covered: Number(valueOf(lowest) <= outcome && outcome <= valueOf(highest)),
    pinball,
  };
}

/**
 * What a classification row adds.
 * @param value of the row, where a miss costs what the row is worth (an amount); else unused.
 * @returns undefined when the model gave no score.
 */
export function scoreClassification(
  task: TaskOf<'classification'>,
  outputs: RowOutputs,
  outcome: string,
  value: number | undefined,
): Components | undefined {
  const score = outputs[task.score];
  if (score === undefined) return undefined;
  const label = Number(outcome === task.classes[1]);
  const { falsePositive, falseNegative } = task.cost;
  const worth = typeof falseNegative === 'number' ? falseNegative : (value ?? 0);
  const sums = decisionSums(
    { labels: [label], scores: [score] },
    task.threshold,
    { falsePositive, falseNegative: worth },
    [worth],
  );
  return {
    labels: 1,
    ...sums,
    squaredError: (score - label) ** 2,
    observed: label,
    expected: score,
  };
}

/** Relevance of an interaction, as the spec values it. */
export const relevanceOf = (task: TaskOf<'ranking'>, interaction: Interaction): number =>
  interaction === 'none' ? 0 : task.relevance[interaction];

/**
 * What one ranked request adds, given what its items met with so far.
 * @param interactions in the order served.
 */
export function scoreRanking(
  task: TaskOf<'ranking'>,
  interactions: readonly Interaction[],
): Components {
  const relevances = interactions.map((each) => relevanceOf(task, each));
  const ndcg = normalisedGain(relevances, task.cutoff, task.gain);
  const bought = interactions.includes('purchase');
  return {
    labels: 1,
    queries: 1,
    clickedQueries: Number(bought || interactions.includes('click')),
    purchasedQueries: Number(bought),
    reciprocalRank: reciprocalRank(relevances, task.cutoff),
    relevantQueries: Number(ndcg !== undefined),
    ndcg: ndcg ?? 0,
  };
}

/** Positions of the items, best score first; equal scores keep the order of the request, as served. */
export const servedOrder = (scores: readonly number[]): number[] =>
  scores.map((_, at) => at).toSorted((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));

export function addComponents(one: Components, other: Components): Components {
  const sum: Partial<Record<QualityComponent, number>> = { ...one };
  for (const [name, value] of Object.entries(other) as [QualityComponent, number][])
    sum[name] = (sum[name] ?? 0) + value;
  return sum;
}

/** Value of an additive metric over summed components; absent where its denominator is 0. */
export function metricValue(metric: MetricId, sums: Components): number | undefined {
  const definition = METRIC_DEFINITIONS[metric];
  if (definition.kind !== 'ratio') return undefined;
  const { numerator, denominator, scale = 1, root } = definition;
  const divisor = denominator.reduce((sum, each) => sum + (sums[each] ?? 0), 0);
  if (divisor === 0) return undefined;
  const quotient = (scale * (sums[numerator] ?? 0)) / divisor;
  return root === 'squareRoot' ? Math.sqrt(quotient) : quotient;
}
