import { type DecisionTree, packTree, type TreeNode } from './decision-tree.ts';
import type { BinnedTable } from './feature-bins.ts';
import { fillHistogram, type HistogramLayout, subtractHistogram } from './gradient-histogram.ts';
import { findSplit, newtonStep, type Split, type SplitRules, type Sums } from './split-search.ts';

/** Buffers that every tree of a training reuses; sized for the rows and the largest histogram. */
export interface GrowthBuffers {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
  readonly rows: Int32Array;
  readonly histograms: Float64Array[];
}

export const growthBuffers = (rows: number): GrowthBuffers => ({
  gradient: new Float64Array(rows),
  hessian: new Float64Array(rows),
  rows: new Int32Array(rows),
  histograms: [],
});

export interface GrowthInput {
  readonly binned: BinnedTable;
  readonly layout: HistogramLayout;
  /** One a row of the table. */
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
  /** Rows the tree is grown on; reordered in place so that each leaf's rows are adjacent. */
  readonly rows: Int32Array;
  readonly rules: SplitRules;
  readonly leaves: number;
  readonly buffers: GrowthBuffers;
  /** A leaf's answer from its rows, where the Newton step is not the one (quantiles). */
  readonly leafValue: ((rows: Int32Array) => number) | undefined;
}

export interface GrownTree {
  /** Leaf values before the learning rate. */
  readonly tree: DecisionTree;
  readonly leaves: readonly { readonly node: number; readonly rows: Int32Array }[];
}

interface OpenLeaf {
  readonly node: number;
  readonly begin: number;
  readonly end: number;
  readonly sums: Sums;
  histogram: Float64Array | undefined;
  split: Split | undefined;
}

const lengthOf = (leaf: OpenLeaf): number => leaf.end - leaf.begin;

function sumRows({ gradient, hessian, rows }: GrowthInput): Sums {
  let gradientSum = 0;
  let hessianSum = 0;
  for (const row of rows) {
    gradientSum += gradient[row] ?? 0;
    hessianSum += hessian[row] ?? 0;
  }
  return { gradient: gradientSum, hessian: hessianSum, rows: rows.length };
}

function histogramOf(input: GrowthInput, leaf: OpenLeaf): Float64Array {
  const { buffers, layout } = input;
  const histogram = buffers.histograms.pop() ?? new Float64Array(layout.size);
  const rows = input.rows.subarray(leaf.begin, leaf.end);
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] ?? 0;
    buffers.gradient[at] = input.gradient[row] ?? 0;
    buffers.hessian[at] = input.hessian[row] ?? 0;
  }
  fillHistogram(layout, rows, buffers, histogram);
  return histogram;
}

/** Which bins of the split's column go left. */
function leftBins(split: Split, missingBin: number): Uint8Array {
  const goesLeft = new Uint8Array(missingBin + 1);
  if (split.categories) for (const code of split.categories) goesLeft[code] = 1;
  else {
    goesLeft.fill(1, 0, split.bin + 1);
    goesLeft[missingBin] = Number(split.missingLeft);
  }
  return goesLeft;
}

/** Puts the left rows of a leaf before its right ones, both in their former order. @returns the border. */
function partition(input: GrowthInput, leaf: OpenLeaf, split: Split): number {
  const bins = input.binned.columns[split.column]?.bins ?? new Uint8Array(0);
  const goesLeft = leftBins(split, input.binned.missingBin);
  const { rows } = input;
  const right = input.buffers.rows;
  let border = leaf.begin;
  let moved = 0;
  for (let at = leaf.begin; at < leaf.end; at++) {
    const row = rows[at] ?? 0;
    if (goesLeft[bins[row] ?? 0] === 1) rows[border++] = row;
    else right[moved++] = row;
  }
  rows.set(right.subarray(0, moved), border);
  return border;
}

/** Fills the smaller child's histogram and makes the larger child's from the parent's. */
function shareHistogram(
  input: GrowthInput,
  parent: Float64Array,
  one: OpenLeaf,
  other: OpenLeaf,
): void {
  const [smaller, larger] = lengthOf(one) <= lengthOf(other) ? [one, other] : [other, one];
  smaller.histogram = histogramOf(input, smaller);
  subtractHistogram(parent, smaller.histogram);
  larger.histogram = parent;
}

function searchLeaf(input: GrowthInput, leaf: OpenLeaf): void {
  const { binned, buffers, layout, rules } = input;
  if (!leaf.histogram) return;
  if (lengthOf(leaf) >= 2 * rules.minimumChildRows)
    leaf.split = findSplit(layout, binned, leaf.histogram, leaf.sums, rules);
  if (leaf.split) return;
  buffers.histograms.push(leaf.histogram);
  leaf.histogram = undefined;
}

/** Float32 bound of the split; the last bin's is infinite: only missing rows go the other way. */
function thresholdOf(input: GrowthInput, split: Split): number {
  if (split.categories) return 0;
  return input.binned.columns[split.column]?.thresholds[split.bin] ?? Number.POSITIVE_INFINITY;
}

function splitLeaf(
  input: GrowthInput,
  leaf: OpenLeaf,
  split: Split,
  nodes: TreeNode[],
): OpenLeaf[] {
  const border = partition(input, leaf, split);
  const { column, gain, missingLeft, categories, left } = split;
  const threshold = thresholdOf(input, split);
  const at = nodes.length;
  nodes[leaf.node] = {
    kind: 'split',
    rows: lengthOf(leaf),
    column,
    gain,
    threshold,
    missingLeft,
    categories,
    left: at,
    right: at + 1,
  };
  const rightSums: Sums = {
    gradient: leaf.sums.gradient - left.gradient,
    hessian: leaf.sums.hessian - left.hessian,
    rows: leaf.sums.rows - left.rows,
  };
  const child = (node: number, begin: number, end: number, sums: Sums): OpenLeaf => {
    nodes.push({ kind: 'leaf', rows: end - begin, value: 0 });
    return { node, begin, end, sums, histogram: undefined, split: undefined };
  };
  const children = [
    child(at, leaf.begin, border, left),
    child(at + 1, border, leaf.end, rightSums),
  ] as const;
  return [...children];
}

/** Expands the leaf of highest gain first, until there are enough leaves or nothing gains. */
function expand(input: GrowthInput, root: OpenLeaf, nodes: TreeNode[]): OpenLeaf[] {
  const leaves = [root];
  while (leaves.length < input.leaves) {
    let best = 0;
    leaves.forEach((leaf, at) => {
      if ((leaf.split?.gain ?? 0) > (leaves[best]?.split?.gain ?? 0)) best = at;
    });
    const leaf = leaves[best];
    if (!leaf?.split || !leaf.histogram) break;
    const children = splitLeaf(input, leaf, leaf.split, nodes);
    const [one, other] = children;
    if (one && other && leaves.length + 1 < input.leaves)
      shareHistogram(input, leaf.histogram, one, other);
    else input.buffers.histograms.push(leaf.histogram);
    for (const child of children) searchLeaf(input, child);
    leaves.splice(best, 1, ...children);
  }
  for (const { histogram } of leaves) if (histogram) input.buffers.histograms.push(histogram);
  return leaves;
}

/** Grows one tree leaf-wise (best first) from gradients on binned columns. */
export function growTree(input: GrowthInput): GrownTree {
  const nodes: TreeNode[] = [{ kind: 'leaf', rows: input.rows.length, value: 0 }];
  const root: OpenLeaf = {
    node: 0,
    begin: 0,
    end: input.rows.length,
    sums: sumRows(input),
    histogram: undefined,
    split: undefined,
  };
  root.histogram = histogramOf(input, root);
  searchLeaf(input, root);
  const leaves = expand(input, root, nodes).map(({ node, begin, end, sums }) => {
    const rows = input.rows.subarray(begin, end);
    const value = input.leafValue?.(rows) ?? newtonStep(sums, input.rules);
    nodes[node] = { kind: 'leaf', rows: rows.length, value };
    return { node, rows };
  });
  return { tree: packTree(nodes), leaves };
}
