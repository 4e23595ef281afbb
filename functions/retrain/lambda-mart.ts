import { discount, discountedGain, gainOf, type RankingGain } from '../measures/ranking-metrics.ts';
import type { Targets } from './feature-table.ts';
import type { Objective } from './objective.ts';

export interface RankingRules {
  readonly gain: RankingGain;
  /** k of the NDCG@k that the loss reports. */
  readonly cutoff: number;
  /** Pairs count when their better ranked item is among this many. */
  readonly truncation: number;
}

interface Query {
  /** Its rows, best score first; kept from tree to tree, since a tree moves few. */
  readonly order: Int32Array;
  /** 1 / DCG of the ideal order, to the truncation and to the cutoff; 0 when no item is relevant. */
  readonly inverseIdeal: number;
  readonly inverseIdealShown: number;
  readonly weight: number;
}

const inverse = (value: number): number => (value > 0 ? 1 / value : 0);

function queriesOf({ labels, weights, queryStarts }: Targets, rules: RankingRules): Query[] {
  return Array.from(queryStarts.subarray(0, -1), (start, at) => {
    const end = queryStarts[at + 1] ?? start;
    const best = Array.from(labels.subarray(start, end).toSorted().reverse());
    const weight = weights.subarray(start, end).reduce((sum, each) => sum + each, 0);
    return {
      order: Int32Array.from({ length: end - start }, (_, row) => start + row),
      inverseIdeal: inverse(discountedGain(best, rules.truncation, rules.gain)),
      inverseIdealShown: inverse(discountedGain(best, rules.cutoff, rules.gain)),
      weight: weight / (end - start),
    };
  });
}

/** Insertion sort, best score first; equal scores by row, so that the order is a function of the scores. */
function sortByScore(order: Int32Array, scores: Float64Array): void {
  for (let at = 1; at < order.length; at++) {
    const row = order[at] ?? 0;
    const score = scores[row] ?? 0;
    let place = at;
    for (; place > 0; place--) {
      const before = order[place - 1] ?? 0;
      const ahead = (scores[before] ?? 0) - score;
      if (ahead > 0 || (ahead === 0 && before < row)) break;
      order[place] = before;
    }
    order[place] = row;
  }
}

/**
 * LambdaMART (Burges 2010, MSR-TR-2010-82) with pairs truncated and lambdas normalised a query as LightGBM
 * does, so that queries with many relevant items do not drown the others. Its loss is 1 − mean NDCG@cutoff
 * over the queries that have a relevant item; it need not fall with every tree.
 */
export function lambdaMart(targets: Targets, rules: RankingRules): Objective {
  const { labels } = targets;
  const queries = queriesOf(targets, rules);
  const gains = labels.map((label) => gainOf(label, rules.gain));
  const longest = queries.reduce((most, { order }) => Math.max(most, order.length), 0);
  const discounts = Float64Array.from({ length: longest }, (_, rank) => discount(rank));
  return {
    initialScore: () => 0,
    differentiate(scores, gradient, hessian) {
      gradient.fill(0);
      hessian.fill(0);
      for (const query of queries)
        if (query.inverseIdeal > 0) {
          sortByScore(query.order, scores);
          pushPairs({ query, labels, gains, discounts, rules, scores, gradient, hessian });
        }
    },
    loss(scores) {
      let sum = 0;
      let weight = 0;
      for (const query of queries) {
        if (query.inverseIdeal === 0) continue;
        sortByScore(query.order, scores);
        const shown = Math.min(rules.cutoff, query.order.length);
        let gained = 0;
        for (let rank = 0; rank < shown; rank++)
          gained += (gains[query.order[rank] ?? 0] ?? 0) * (discounts[rank] ?? 0);
        sum += gained * query.inverseIdealShown * query.weight;
        weight += query.weight;
      }
      return weight > 0 ? 1 - sum / weight : 0;
    },
  };
}

interface PairInput {
  readonly query: Query;
  readonly labels: Float64Array;
  readonly gains: Float64Array;
  readonly discounts: Float64Array;
  readonly rules: RankingRules;
  readonly scores: Float64Array;
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
}

/**
 * Pushes two items apart by what their exchange would cost in NDCG, in proportion to how wrong their
 * scores are. @returns the push.
 */
function pushPair(input: PairInput, good: number, bad: number, exchange: number, isFlat: boolean) {
  const { scores, gains, gradient, hessian, query } = input;
  const apart = (scores[good] ?? 0) - (scores[bad] ?? 0);
  const cost = ((gains[good] ?? 0) - (gains[bad] ?? 0)) * exchange * query.inverseIdeal;
  const scaled = isFlat ? cost : cost / (0.01 + Math.abs(apart));
  const wrong = 1 / (1 + Math.exp(apart));
  const curvature = wrong * (1 - wrong) * scaled;
  addTo(gradient, good, -wrong * scaled);
  addTo(gradient, bad, wrong * scaled);
  addTo(hessian, good, curvature);
  addTo(hessian, bad, curvature);
  return wrong * scaled;
}

function addTo(values: Float64Array, at: number, amount: number): void {
  values[at] = (values[at] ?? 0) + amount;
}

const discountGap = (discounts: Float64Array, upper: number, lower: number): number =>
  (discounts[upper] ?? 0) - (discounts[lower] ?? 0);

/** Every pair of different relevance whose better ranked item is within the truncation. */
function pushPairs(input: PairInput): void {
  const { query, labels, discounts, rules, scores } = input;
  const { order } = query;
  const isFlat = scores[order[0] ?? 0] === scores[order.at(-1) ?? 0];
  let total = 0;
  for (let upper = 0; upper < Math.min(rules.truncation, order.length); upper++) {
    const one = order[upper] ?? 0;
    for (let lower = upper + 1; lower < order.length; lower++) {
      const other = order[lower] ?? 0;
      const above = (labels[one] ?? 0) - (labels[other] ?? 0);
      const exchange = discountGap(discounts, upper, lower);
      if (above > 0) total += 2 * pushPair(input, one, other, exchange, isFlat);
      else if (above < 0) total += 2 * pushPair(input, other, one, exchange, isFlat);
    }
  }
  normalise(input, total);
}

/** LightGBM's `lambdarank_norm`: the pushes of a query grow with the logarithm of their sum only. */
function normalise({ query, gradient, hessian }: PairInput, total: number): void {
  const factor = (total > 0 ? Math.log2(1 + total) / total : 1) * query.weight;
  for (const row of query.order) {
    gradient[row] = (gradient[row] ?? 0) * factor;
    hessian[row] = (hessian[row] ?? 0) * factor;
  }
}
