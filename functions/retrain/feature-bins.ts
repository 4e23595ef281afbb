import { type SeededRandom, seededRandom } from '../measures/seeded-random.ts';
import type { FeatureTable } from './feature-table.ts';

/** Bins that a byte can number, beside the one for missing numbers. */
export const MOST_BINS = 255;
/** Columns are histogrammed four at a time, which shares the reads of row order and gradients. */
export const COLUMN_BLOCK = 4;
/** Values a quantile sketch keeps; beyond it, a uniform sample stands for the column. */
const SKETCH_SIZE = 200_000;

export interface ColumnBins {
  readonly kind: 'number' | 'category';
  /** Ordinary bins; a category's bin is its code. */
  readonly count: number;
  /** Numbers: bin b holds x <= thresholds[b] and above the one before; float32 values, count - 1 of them. */
  readonly thresholds: Float32Array;
  /** Bin of each row. */
  readonly bins: Uint8Array;
}

export interface BinnedTable {
  readonly columns: readonly ColumnBins[];
  /** Bin of missing numbers, above every ordinary bin of every column. */
  readonly missingBin: number;
}

function sketch(values: Float32Array, random: SeededRandom): Float32Array {
  const buffer = new Float32Array(values.length);
  let count = 0;
  for (let at = 0; at < values.length; at++) {
    const value = values[at] ?? Number.NaN;
    if (!Number.isNaN(value)) buffer[count++] = value;
  }
  const present = buffer.subarray(0, count);
  if (count <= SKETCH_SIZE) return present.sort();
  const sample = new Float32Array(SKETCH_SIZE);
  for (let at = 0; at < SKETCH_SIZE; at++)
    sample[at] = present[random.integer(present.length)] ?? 0;
  return sample.sort();
}

/** A float32 t with below <= t < above: their midpoint, unless rounding lifts it to `above`. */
function threshold(below: number, above: number): number {
  const middle = Math.fround(below + (above - below) / 2);
  return middle >= below && middle < above ? middle : below;
}

/**
 * Cuts sorted values into at most `maximum` bins of about equal weight. A value never straddles a cut, and
 * one that is heavier than a bin gets its own.
 */
function cuts(sorted: Float32Array, maximum: number): Float32Array {
  const thresholds: number[] = [];
  let inBin = 0;
  let left = sorted.length;
  for (let at = 0; at < sorted.length; ) {
    const value = sorted[at] ?? 0;
    let end = at + 1;
    while (end < sorted.length && sorted[end] === value) end++;
    const weight = end - at;
    const fair = left / (maximum - thresholds.length);
    // A bin ends before a value that would overfill it more than leaving it out underfills it.
    if (inBin > 0 && (inBin >= fair || inBin + weight / 2 > fair)) {
      thresholds.push(threshold(sorted[at - 1] ?? 0, value));
      left -= inBin;
      inBin = 0;
    }
    inBin += weight;
    at = end;
    if (thresholds.length === maximum - 1) break;
  }
  return Float32Array.from(thresholds);
}

/** Every distinct value its own bin while they fit: nothing is lost for counts, flags and hours. */
function distinctCuts(sorted: Float32Array, maximum: number): Float32Array | undefined {
  const thresholds: number[] = [];
  for (let at = 1; at < sorted.length; at++) {
    const below = sorted[at - 1] ?? 0;
    const above = sorted[at] ?? 0;
    if (below === above) continue;
    if (thresholds.length === maximum - 1) return undefined;
    thresholds.push(threshold(below, above));
  }
  return Float32Array.from(thresholds);
}

/** Index of the first threshold not below the value. */
function binOf(thresholds: Float32Array, value: number): number {
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if (value <= (thresholds[middle] ?? 0)) high = middle;
    else low = middle + 1;
  }
  return low;
}

function binNumbers(
  values: Float32Array,
  maximum: number,
  missingBin: number,
  random: SeededRandom,
): ColumnBins {
  const sorted = sketch(values, random);
  const thresholds = distinctCuts(sorted, maximum) ?? cuts(sorted, maximum);
  const bins = new Uint8Array(values.length);
  for (let row = 0; row < values.length; row++) {
    const value = values[row] ?? Number.NaN;
    bins[row] = Number.isNaN(value) ? missingBin : binOf(thresholds, value);
  }
  return { kind: 'number', count: thresholds.length + 1, thresholds, bins };
}

/**
 * Bins of every column, learned from the table itself.
 * @param maximum bins a number column, 2 to 255.
 */
export function binTable(table: FeatureTable, maximum: number, seed: number): BinnedTable {
  const random = seededRandom(seed, 'quantile sketch');
  const categories = table.columns.map((column) => column.categories.length + 1);
  const missingBin = Math.max(maximum, ...categories);
  const columns = table.columns.map((column, at): ColumnBins => {
    const values = table.values.subarray(at * table.rows, (at + 1) * table.rows);
    if (column.kind === 'number') return binNumbers(values, maximum, missingBin, random);
    return {
      kind: 'category',
      count: column.categories.length + 1,
      thresholds: new Float32Array(0),
      bins: Uint8Array.from(values),
    };
  });
  return { columns, missingBin };
}
