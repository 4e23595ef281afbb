import type { BinnedTable } from './feature-bins.ts';
import { type HistogramLayout, STRIDE } from './gradient-histogram.ts';

/** What a split must satisfy; gains as in XGBoost (Chen and Guestrin 2016, eq. 7) without the factor ½. */
export interface SplitRules {
  readonly l1: number;
  readonly l2: number;
  readonly minimumGain: number;
  readonly minimumChildRows: number;
  /** Least sum of hessians on each side. */
  readonly minimumChildWeight: number;
  /** A node with at most this many categories splits one from the rest, instead of by gradient order. */
  readonly oneHotLimit: number;
}

/** As LightGBM's `cat_smooth`, `cat_l2` and `max_cat_threshold`, with its defaults. */
const CATEGORY_SMOOTHING = 10;
const CATEGORY_L2 = 10;
const MOST_CATEGORIES = 32;

export interface Sums {
  readonly gradient: number;
  readonly hessian: number;
  readonly rows: number;
}

export interface Split {
  readonly gain: number;
  /** Column of the table. */
  readonly column: number;
  /** Numbers: last bin that goes left. */
  readonly bin: number;
  readonly missingLeft: boolean;
  /** Categories: codes that go left. */
  readonly categories: Uint8Array | undefined;
  readonly left: Sums;
}

interface Found {
  gain: number;
  bin: number;
  missingLeft: boolean;
  categories: Uint8Array | undefined;
  left: Sums;
}

/** Soft threshold of the L1 penalty. */
const shrink = (gradient: number, l1: number): number =>
  Math.sign(gradient) * Math.max(Math.abs(gradient) - l1, 0);

const worth = (gradient: number, hessian: number, l1: number, l2: number): number => {
  const shrunk = l1 === 0 ? gradient : shrink(gradient, l1);
  return (shrunk * shrunk) / (hessian + l2);
};

/** The Newton step of a leaf, before the learning rate. */
export const newtonStep = ({ gradient, hessian }: Sums, { l1, l2 }: SplitRules): number =>
  hessian + l2 > 0 ? -shrink(gradient, l1) / (hessian + l2) : 0;

const sumsAt = (histogram: Float64Array, at: number): Sums => ({
  gradient: histogram[at] ?? 0,
  hessian: histogram[at + 1] ?? 0,
  rows: histogram[at + 2] ?? 0,
});

const NOTHING: Sums = { gradient: 0, hessian: 0, rows: 0 };

/** Gain of parting `left` from the rest of the node, or -1 where a side is too small. */
function gainOf(
  node: Sums,
  gradient: number,
  hessian: number,
  rows: number,
  rules: SplitRules,
  l2: number,
): number {
  const { l1, minimumChildRows, minimumChildWeight } = rules;
  const otherHessian = node.hessian - hessian;
  if (rows < minimumChildRows || node.rows - rows < minimumChildRows) return -1;
  if (hessian < minimumChildWeight || otherHessian < minimumChildWeight) return -1;
  return worth(gradient, hessian, l1, l2) + worth(node.gradient - gradient, otherHessian, l1, l2);
}

/**
 * Scans the cuts of a number column with the missing rows on one side.
 * @param begin what is left of the first bin: the missing rows, or nothing.
 * @param last last bin that may end the left side.
 */
function scanCuts(
  histogram: Float64Array,
  start: number,
  last: number,
  node: Sums,
  begin: Sums,
  rules: SplitRules,
  best: Found,
): void {
  let { gradient, hessian, rows } = begin;
  for (let bin = 0; bin <= last; bin++) {
    const at = start + bin * STRIDE;
    const here = histogram[at + 2] ?? 0;
    // An empty bin repeats the cut before it.
    if (here === 0) continue;
    gradient += histogram[at] ?? 0;
    hessian += histogram[at + 1] ?? 0;
    rows += here;
    const gain = gainOf(node, gradient, hessian, rows, rules, rules.l2);
    if (gain <= best.gain) continue;
    best.gain = gain;
    best.bin = bin;
    best.missingLeft = begin.rows > 0;
    best.categories = undefined;
    best.left = { gradient, hessian, rows };
  }
}

/** Missing rows are tried on both sides; where a node has none, they will follow the larger side. */
function searchNumbers(
  histogram: Float64Array,
  start: number,
  count: number,
  missing: Sums,
  node: Sums,
  rules: SplitRules,
  best: Found,
): void {
  const before = best.gain;
  const last = missing.rows > 0 ? count - 1 : count - 2;
  scanCuts(histogram, start, last, node, NOTHING, rules, best);
  if (missing.rows > 0) scanCuts(histogram, start, count - 2, node, missing, rules, best);
  else if (best.gain > before) best.missingLeft = best.left.rows * 2 >= node.rows;
}

/** The set, with missing (code 0) put on the larger side when the node has no missing row to learn from. */
function categorySet(codes: readonly number[], left: Sums, node: Sums, sawMissing: boolean) {
  const set = sawMissing || left.rows * 2 < node.rows ? codes : [0, ...codes];
  return Uint8Array.from(set).sort();
}

function searchCategories(
  histogram: Float64Array,
  start: number,
  count: number,
  node: Sums,
  rules: SplitRules,
  best: Found,
): void {
  const codes: number[] = [];
  for (let code = 0; code < count; code++)
    if ((histogram[start + code * STRIDE + 2] ?? 0) > 0) codes.push(code);
  const sumsOf = (code: number): Sums => sumsAt(histogram, start + code * STRIDE);
  const offer = (left: Sums, members: readonly number[], l2: number): void => {
    const gain = gainOf(node, left.gradient, left.hessian, left.rows, rules, l2);
    if (gain <= best.gain) return;
    best.gain = gain;
    best.left = left;
    best.categories = categorySet(members, left, node, codes[0] === 0);
  };
  if (codes.length <= rules.oneHotLimit) {
    for (const code of codes) offer(sumsOf(code), [code], rules.l2);
    return;
  }
  const order = (code: number): number => {
    const { gradient, hessian } = sumsOf(code);
    return gradient / (hessian + CATEGORY_SMOOTHING);
  };
  const ordered = codes.toSorted((one, other) => order(one) - order(other) || one - other);
  for (const direction of [ordered, ordered.toReversed()]) {
    let left = NOTHING;
    const limit = Math.min(MOST_CATEGORIES, direction.length - 1);
    for (let taken = 1; taken <= limit; taken++) {
      const next = sumsOf(direction[taken - 1] ?? 0);
      left = {
        gradient: left.gradient + next.gradient,
        hessian: left.hessian + next.hessian,
        rows: left.rows + next.rows,
      };
      offer(left, direction.slice(0, taken), rules.l2 + CATEGORY_L2);
    }
  }
}

/** @returns the best split of a node over the columns of its histogram; undefined when none gains enough. */
export function findSplit(
  layout: HistogramLayout,
  { columns, missingBin }: BinnedTable,
  histogram: Float64Array,
  node: Sums,
  rules: SplitRules,
): Split | undefined {
  const unsplit = worth(node.gradient, node.hessian, rules.l1, rules.l2);
  // Rounding in the quotients must not pass for a gain.
  const least = unsplit + Math.max(rules.minimumGain, unsplit * 1e-12, 1e-300);
  const best: Found = {
    gain: least,
    bin: 0,
    missingLeft: false,
    categories: undefined,
    left: NOTHING,
  };
  let chosen = -1;
  layout.columns.forEach((column, slot) => {
    const { kind, count } = columns[column] ?? { kind: 'number', count: 1 };
    const before = best.gain;
    const start = slot * layout.columnSize;
    if (kind === 'number') {
      const missing = sumsAt(histogram, start + missingBin * STRIDE);
      searchNumbers(histogram, start, count, missing, node, rules, best);
    } else searchCategories(histogram, start, count, node, rules, best);
    if (best.gain > before) chosen = column;
  });
  return chosen < 0 ? undefined : { ...best, gain: best.gain - unsplit, column: chosen };
}
