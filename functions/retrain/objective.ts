import type { Targets } from './feature-table.ts';
import { orderFreeSum } from './gradient-histogram.ts';

/** What boosting minimises: a sum over rows of a loss of each row's score. */
export interface Objective {
  /** The constant score that fits best. */
  initialScore(): number;
  /** Writes first and second derivatives of the loss at `scores`, times the row's weight. */
  differentiate(scores: Float64Array, gradient: Float64Array, hessian: Float64Array): void;
  /** Weighted mean loss; less is better. */
  loss(scores: Float64Array): number;
  /** A leaf's best addition to the scores of its rows, where it is not the Newton step. */
  leafValue?(rows: Int32Array, scores: Float64Array): number;
}

export const sigmoid = (score: number): number => 1 / (1 + Math.exp(-score));

function orderFreeMean(values: Float64Array, weights: Float64Array): number {
  const weighted = new Float64Array(values.length);
  for (let row = 0; row < values.length; row++)
    weighted[row] = (values[row] ?? 0) * (weights[row] ?? 0);
  return orderFreeSum(weighted) / orderFreeSum(weights);
}

/** Weighted mean of `lossOf(label, score)` over the rows. */
function meanLoss(
  { labels, weights }: Targets,
  scores: Float64Array,
  lossOf: (label: number, score: number) => number,
): number {
  let sum = 0;
  let total = 0;
  for (let row = 0; row < labels.length; row++) {
    const weight = weights[row] ?? 0;
    sum += lossOf(labels[row] ?? 0, scores[row] ?? 0) * weight;
    total += weight;
  }
  return sum / total;
}

/** ½ (score − y)²; its loss is reported without the ½, as mean squared error. */
export function squaredError(targets: Targets): Objective {
  const { labels, weights } = targets;
  return {
    initialScore: () => orderFreeMean(labels, weights),
    differentiate(scores, gradient, hessian) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weights[row] ?? 0;
        gradient[row] = ((scores[row] ?? 0) - (labels[row] ?? 0)) * weight;
        hessian[row] = weight;
      }
    },
    loss: (scores) => meanLoss(targets, scores, (label, score) => (label - score) ** 2),
  };
}

/** Log-loss of labels 0 and 1 with p = sigmoid(score). */
export function logLoss(targets: Targets): Objective {
  const { labels, weights } = targets;
  return {
    initialScore() {
      const share = orderFreeMean(labels, weights);
      return Math.log(share / (1 - share));
    },
    differentiate(scores, gradient, hessian) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weights[row] ?? 0;
        const probability = sigmoid(scores[row] ?? 0);
        gradient[row] = (probability - (labels[row] ?? 0)) * weight;
        hessian[row] = Math.max(probability * (1 - probability), 1e-16) * weight;
      }
    },
    // log(1 + exp(score)) without overflow.
    loss: (scores) =>
      meanLoss(
        targets,
        scores,
        (label, score) =>
          Math.max(score, 0) + Math.log1p(Math.exp(-Math.abs(score))) - label * score,
      ),
  };
}

/** The smallest value with at least `level` of the weight at or below it; a minimiser of pinball loss. */
export function weightedQuantile(
  values: Float64Array,
  weights: Float64Array,
  level: number,
): number {
  if (weights.every((weight) => weight === weights[0])) {
    const place = Math.max(Math.ceil(level * values.length), 1);
    return values.slice().sort()[place - 1] ?? 0;
  }
  const order = Int32Array.from(values.keys());
  order.sort((one, other) => (values[one] ?? 0) - (values[other] ?? 0));
  const wanted = level * orderFreeSum(weights);
  let reached = 0;
  for (const at of order) {
    reached += weights[at] ?? 0;
    if (reached >= wanted) return values[at] ?? 0;
  }
  return values[order.at(-1) ?? 0] ?? 0;
}

/**
 * Pinball loss of one level (Koenker 2005). Trees follow the sign of the residual; each leaf then takes the
 * quantile of its rows' residuals, which no second derivative could give.
 */
export function pinball(targets: Targets, level: number): Objective {
  const { labels, weights } = targets;
  return {
    initialScore: () => weightedQuantile(labels, weights, level),
    differentiate(scores, gradient, hessian) {
      for (let row = 0; row < labels.length; row++) {
        const weight = weights[row] ?? 0;
        const isAbove = (labels[row] ?? 0) > (scores[row] ?? 0);
        gradient[row] = (isAbove ? -level : 1 - level) * weight;
        hessian[row] = weight;
      }
    },
    loss: (scores) =>
      meanLoss(targets, scores, (label, score) =>
        Math.max(level * (label - score), (level - 1) * (label - score)),
      ),
    leafValue(rows, scores) {
      const residuals = new Float64Array(rows.length);
      const rowWeights = new Float64Array(rows.length);
      for (let at = 0; at < rows.length; at++) {
        const row = rows[at] ?? 0;
        residuals[at] = (labels[row] ?? 0) - (scores[row] ?? 0);
        rowWeights[at] = weights[row] ?? 0;
      }
      return weightedQuantile(residuals, rowWeights, level);
    },
  };
}
