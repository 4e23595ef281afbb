import { ratio, type Sums } from './additive-sums.ts';

type Values = ArrayLike<number>;

/** Labels are 0 and 1; a row is decided positive when its score is at least the threshold. */
export interface ScoredRows {
  readonly labels: Values;
  readonly scores: Values;
  /** What each row stands for, 1 without: 1 / probability where the log keeps a sample. */
  readonly weights?: Values;
}

/** What a miss costs: one price, or the value of each row (such as its amount). */
export interface ErrorCosts {
  readonly falsePositive: number;
  readonly falseNegative: number | Values;
}

export type DecisionSums = Sums<
  | 'truePositives'
  | 'falsePositives'
  | 'falseNegatives'
  | 'trueNegatives'
  | 'cost'
  | 'positiveValue'
  | 'caughtValue'
>;

const missCost = ({ falseNegative }: ErrorCosts, row: number): number =>
  typeof falseNegative === 'number' ? falseNegative : (falseNegative[row] ?? 0);

/** @param values what each positive is worth (1 without); for value-weighted recall. */
export function decisionSums(
  { labels, scores, weights }: ScoredRows,
  threshold: number,
  costs: ErrorCosts,
  values?: Values,
): DecisionSums {
  const sums = {
    truePositives: 0,
    falsePositives: 0,
    falseNegatives: 0,
    trueNegatives: 0,
    cost: 0,
    positiveValue: 0,
    caughtValue: 0,
  };
  for (let row = 0; row < labels.length; row++) {
    const weight = weights?.[row] ?? 1;
    const isDecided = (scores[row] ?? 0) >= threshold;
    if (labels[row] === 1) {
      const value = (values?.[row] ?? 1) * weight;
      sums.positiveValue += value;
      if (isDecided) sums.caughtValue += value;
      else sums.cost += missCost(costs, row) * weight;
      sums[isDecided ? 'truePositives' : 'falseNegatives'] += weight;
    } else {
      if (isDecided) sums.cost += costs.falsePositive * weight;
      sums[isDecided ? 'falsePositives' : 'trueNegatives'] += weight;
    }
  }
  return sums;
}

/** Rates at the threshold the sums were taken at. */
export function decisionMetrics(sums: DecisionSums) {
  const { truePositives, falsePositives, falseNegatives, trueNegatives, cost } = sums;
  const rows = truePositives + falsePositives + falseNegatives + trueNegatives;
  return {
    precision: ratio(truePositives, truePositives + falsePositives),
    recall: ratio(truePositives, truePositives + falseNegatives),
    f1: ratio(2 * truePositives, 2 * truePositives + falsePositives + falseNegatives),
    falsePositiveRate: ratio(falsePositives, falsePositives + trueNegatives),
    alertShare: ratio(truePositives + falsePositives, rows),
    prevalence: ratio(truePositives + falseNegatives, rows),
    costPerThousand: ratio(1000 * cost, rows),
    valueWeightedRecall: ratio(sums.caughtValue, sums.positiveValue),
  };
}

/** A step of the score, all rows of one score together, best first: cumulated weights. */
interface Step {
  readonly score: number;
  readonly positives: number;
  readonly negatives: number;
}

function steps({ labels, scores, weights }: ScoredRows): Step[] {
  // A row that a resample has not drawn is no row: a step of such rows would divide by nothing.
  const order = Int32Array.from(labels, (_, row) => row).filter((row) => (weights?.[row] ?? 1) > 0);
  order.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  const reached: Step[] = [];
  let positives = 0;
  let negatives = 0;
  order.forEach((row, at) => {
    const weight = weights?.[row] ?? 1;
    if (labels[row] === 1) positives += weight;
    else negatives += weight;
    const score = scores[row] ?? 0;
    const next = order[at + 1];
    if (next === undefined || scores[next] !== score) reached.push({ score, positives, negatives });
  });
  return reached;
}

/** Σ (Rᵢ − Rᵢ₋₁) Pᵢ, equal scores being one step, not trapezoids; absent without positives. */
export function averagePrecision(rows: ScoredRows): number | undefined {
  const reached = steps(rows);
  const total = reached.at(-1)?.positives ?? 0;
  let before = 0;
  let area = 0;
  for (const { positives, negatives } of reached) {
    area += ((positives - before) * positives) / (positives + negatives);
    before = positives;
  }
  return ratio(area, total);
}

/** Chance that a positive scores above a negative, ties counting half; absent unless there are both. */
export function rocAuc(rows: ScoredRows): number | undefined {
  let area = 0;
  let before: Step = { score: 0, positives: 0, negatives: 0 };
  for (const step of steps(rows)) {
    area += ((step.negatives - before.negatives) * (step.positives + before.positives)) / 2;
    before = step;
  }
  return ratio(area, before.positives * before.negatives);
}

/** Precision and recall when only the `count` highest scores are looked at; equal scores in given order. */
export function atTop({ labels, scores }: ScoredRows, count: number) {
  const order = Int32Array.from(labels, (_, row) => row);
  order.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  const hits = order.subarray(0, count).filter((row) => labels[row] === 1).length;
  const positives = order.filter((row) => labels[row] === 1).length;
  return { precision: ratio(hits, Math.min(count, order.length)), recall: ratio(hits, positives) };
}

/** Mean (score − label)²; absent without rows. */
export function brierScore({ labels, scores }: ScoredRows): number | undefined {
  let sum = 0;
  for (let row = 0; row < labels.length; row++)
    sum += ((scores[row] ?? 0) - (labels[row] ?? 0)) ** 2;
  return ratio(sum, labels.length);
}

/** Mean negative log-likelihood, probabilities clipped to [1e-15, 1 − 1e-15]. */
export function meanLogLoss({ labels, scores }: ScoredRows): number | undefined {
  let sum = 0;
  for (let row = 0; row < labels.length; row++) {
    const clipped = Math.min(Math.max(scores[row] ?? 0, 1e-15), 1 - 1e-15);
    sum -= Math.log(labels[row] === 1 ? clipped : 1 - clipped);
  }
  return ratio(sum, labels.length);
}

/** Threshold above which an alarm is worth its price when scores are calibrated and costs constant. */
export const bayesThreshold = (falsePositive: number, falseNegative: number): number =>
  falsePositive / (falsePositive + falseNegative);

/**
 * The score at which deciding costs least on these rows; of equals the highest, which alerts least.
 * @returns threshold and total cost; a threshold above every score where alerting never pays.
 */
export function cheapestThreshold(
  { labels, scores, weights }: ScoredRows,
  costs: ErrorCosts,
): { threshold: number; cost: number } {
  const order = Int32Array.from(labels, (_, row) => row);
  order.sort((one, other) => (scores[other] ?? 0) - (scores[one] ?? 0));
  const weightOf = (row: number): number => weights?.[row] ?? 1;
  let cost = 0;
  for (const row of order) if (labels[row] === 1) cost += missCost(costs, row) * weightOf(row);
  let best = { threshold: Number.POSITIVE_INFINITY, cost };
  order.forEach((row, at) => {
    cost += (labels[row] === 1 ? -missCost(costs, row) : costs.falsePositive) * weightOf(row);
    const next = order[at + 1];
    const isStep = next === undefined || scores[next] !== scores[row];
    if (isStep && cost < best.cost) best = { threshold: scores[row] ?? 0, cost };
  });
  return best;
}
