import { type SeededRandom, seededRandom, shuffle } from '../measures/seeded-random.ts';
import { type Ensemble, score } from './boosting.ts';
import { type DecisionTree, packTree, type TreeNode } from './decision-tree.ts';
import { type FeatureTable, takeRows } from './feature-table.ts';

/** Rows a tree isolates; more make it blind to anomalies that lie together (Liu et al. 2008, §4). */
const SAMPLE_ROWS = 256;

/** Anomaly of a row: 2^(−mean path length / `expectedPath`), near 1 when few cuts isolate it, ½ for most. */
export interface IsolationForest {
  /** Sums path lengths; trees as in boosting, so that scoring and export are shared. */
  readonly ensemble: Ensemble;
  readonly expectedPath: number;
}

/** Mean path length of an unsuccessful search in a binary tree of n rows (Liu et al. 2008, eq. 1). */
export function expectedPathLength(rows: number): number {
  if (rows <= 1) return 0;
  if (rows === 2) return 1;
  const harmonic = Math.log(rows - 1) + 0.577_215_664_901_532_9;
  return 2 * harmonic - (2 * (rows - 1)) / rows;
}

interface Cut {
  readonly column: number;
  readonly threshold: number;
  readonly categories: Uint8Array | undefined;
}

/** A random cut of one column that parts the rows, or undefined where all have one value. */
function cutColumn(
  table: FeatureTable,
  column: number,
  rows: Int32Array,
  random: SeededRandom,
): Cut | undefined {
  const values = Array.from(rows, (row) => table.values[column * table.rows + row] ?? Number.NaN);
  const present = values.filter((value) => !Number.isNaN(value));
  const least = Math.min(...present);
  const most = Math.max(...present);
  if (!(least < most)) return undefined;
  if (table.columns[column]?.kind === 'category') {
    const code = present[random.integer(present.length)] ?? 0;
    return { column, threshold: 0, categories: Uint8Array.of(code) };
  }
  const threshold = Math.fround(least + random.next() * (most - least));
  return { column, threshold: threshold < most ? threshold : least, categories: undefined };
}

function chooseCut(table: FeatureTable, rows: Int32Array, random: SeededRandom): Cut | undefined {
  const columns = shuffle(Int32Array.from(table.columns.keys()), random);
  for (const column of columns) {
    const cut = cutColumn(table, column, rows, random);
    if (cut) return cut;
  }
  return undefined;
}

/** Rows with a missing number follow the larger side, so that absence alone isolates nobody. */
function divide(table: FeatureTable, rows: Int32Array, { column, threshold, categories }: Cut) {
  const value = (row: number): number => table.values[column * table.rows + row] ?? Number.NaN;
  const isLeft = (row: number): boolean =>
    categories ? categories.includes(value(row)) : value(row) <= threshold;
  const present = rows.filter((row) => !Number.isNaN(value(row)));
  const missingLeft = present.filter(isLeft).length * 2 >= present.length;
  const goesLeft = (row: number): boolean => (Number.isNaN(value(row)) ? missingLeft : isLeft(row));
  return {
    missingLeft,
    left: rows.filter(goesLeft),
    right: rows.filter((row) => !goesLeft(row)),
  };
}

function isolate(table: FeatureTable, random: SeededRandom): DecisionTree {
  const nodes: TreeNode[] = [];
  const deepest = Math.ceil(Math.log2(Math.max(table.rows, 2)));
  const grow = (rows: Int32Array, depth: number): number => {
    const at = nodes.length;
    nodes.push({ kind: 'leaf', rows: rows.length, value: depth + expectedPathLength(rows.length) });
    const cut = depth < deepest && rows.length > 1 ? chooseCut(table, rows, random) : undefined;
    if (!cut) return at;
    const { missingLeft, left, right } = divide(table, rows, cut);
    const leftNode = grow(left, depth + 1);
    const rightNode = grow(right, depth + 1);
    nodes[at] = {
      kind: 'split',
      rows: rows.length,
      ...cut,
      gain: 0,
      missingLeft,
      left: leftNode,
      right: rightNode,
    };
    return at;
  };
  grow(
    Int32Array.from({ length: table.rows }, (_, row) => row),
    0,
  );
  return packTree(nodes);
}

/** Isolation forest (Liu, Ting and Zhou, ICDM 2008) on at most 256 rows a tree; unsupervised. */
export function growIsolationForest(
  table: FeatureTable,
  trees: number,
  seed: number,
): IsolationForest {
  const random = seededRandom(seed, 'isolation forest');
  const all = Int32Array.from({ length: table.rows }, (_, row) => row);
  const size = Math.min(SAMPLE_ROWS, table.rows);
  const grown = Array.from({ length: trees }, () => {
    // A partial shuffle: the first `size` positions are a uniform sample without replacement.
    for (let at = 0; at < size; at++) {
      const other = at + random.integer(all.length - at);
      const held = all[at] ?? 0;
      all[at] = all[other] ?? 0;
      all[other] = held;
    }
    return isolate(takeRows(table, all.subarray(0, size)), random);
  });
  return {
    ensemble: { base: 0, trees: grown },
    expectedPath: Math.max(expectedPathLength(size), 1),
  };
}

/** Anomaly of each row, in (0, 1). */
export function anomalies(forest: IsolationForest, table: FeatureTable): Float64Array {
  const scale = forest.ensemble.trees.length * forest.expectedPath;
  return score(forest.ensemble, table).map((path) => 2 ** (-path / scale));
}
