import type { FeatureTable } from './feature-table.ts';

/**
 * A binary tree in flat arrays; node 0 is the root, a node's children come after it. A number goes left when
 * x <= threshold in float32, a category when its code is in the node's set.
 */
export interface DecisionTree {
  /** Column of each node; -1 for a leaf. */
  readonly column: Int32Array;
  readonly threshold: Float32Array;
  /** 1: a missing number goes left. Categories have missing as code 0 instead. */
  readonly missingLeft: Uint8Array;
  /** Codes that go left; undefined for leaves and number splits. */
  readonly categories: readonly (Uint8Array | undefined)[];
  readonly left: Int32Array;
  readonly right: Int32Array;
  /** Answer of each leaf. */
  readonly value: Float64Array;
  /** What the node's split gained; 0 for leaves. */
  readonly gain: Float64Array;
}

export type TreeNode = { rows: number } & (
  | { kind: 'leaf'; value: number }
  | {
      kind: 'split';
      column: number;
      gain: number;
      left: number;
      right: number;
      threshold: number;
      missingLeft: boolean;
      categories: Uint8Array | undefined;
    }
);

/** Packs nodes, which refer to each other by position, into flat arrays. */
export function packTree(nodes: readonly TreeNode[]): DecisionTree {
  const splits = nodes.map((node) => (node.kind === 'split' ? node : undefined));
  return {
    column: Int32Array.from(splits, (node) => node?.column ?? -1),
    threshold: Float32Array.from(splits, (node) => node?.threshold ?? 0),
    missingLeft: Uint8Array.from(splits, (node) => Number(node?.missingLeft ?? false)),
    categories: splits.map((node) => node?.categories),
    left: Int32Array.from(splits, (node) => node?.left ?? 0),
    right: Int32Array.from(splits, (node) => node?.right ?? 0),
    value: Float64Array.from(nodes, (node) => (node.kind === 'leaf' ? node.value : 0)),
    gain: Float64Array.from(splits, (node) => node?.gain ?? 0),
  };
}

/** Node number of the leaf that a row of the table falls into. */
export function leafOf(tree: DecisionTree, table: FeatureTable, row: number): number {
  const { column, threshold, missingLeft, categories, left, right } = tree;
  const { rows, values } = table;
  let node = 0;
  for (;;) {
    const at = column[node] ?? -1;
    if (at < 0) return node;
    const value = values[at * rows + row] ?? Number.NaN;
    // Comparing is false for a missing number, so only then is its direction looked up.
    let goesLeft = value <= (threshold[node] ?? 0);
    const set = categories[node];
    if (set) goesLeft = set.includes(value);
    else if (!goesLeft && Number.isNaN(value)) goesLeft = missingLeft[node] === 1;
    node = (goesLeft ? left[node] : right[node]) ?? 0;
  }
}

/** Adds the tree's answer for every row to `scores` (one a row). */
export function addAnswers(tree: DecisionTree, table: FeatureTable, scores: Float64Array): void {
  for (let row = 0; row < table.rows; row++)
    scores[row] = (scores[row] ?? 0) + (tree.value[leafOf(tree, table, row)] ?? 0);
}
