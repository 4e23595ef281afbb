import { type BinnedTable, COLUMN_BLOCK } from './feature-bins.ts';

/** Sum of gradients, sum of hessians, rows: three float64 a bin. */
export const STRIDE = 3;
/** The columns a tree may split on, padded with empty ones to whole blocks of `COLUMN_BLOCK`. */
export interface HistogramLayout {
  /** Column of the table for each slot of the histogram, without the padding. */
  readonly columns: Int32Array;
  readonly bins: readonly Uint8Array[];
  /** Length of one column's part of a histogram, the missing bin last. */
  readonly columnSize: number;
  /** Length of a histogram. */
  readonly size: number;
}

export function histogramLayout(
  { columns: all, missingBin }: BinnedTable,
  columns: Int32Array,
  padding: Uint8Array,
): HistogramLayout {
  const bins = Array.from(columns, (column) => all[column]?.bins ?? padding);
  while (bins.length % COLUMN_BLOCK !== 0) bins.push(padding);
  const columnSize = (missingBin + 1) * STRIDE;
  return { columns, bins, columnSize, size: bins.length * columnSize };
}

/** Gradients and hessians in the order of the rows they are summed for. */
export interface OrderedGradients {
  readonly gradient: Float64Array;
  readonly hessian: Float64Array;
}

function add(histogram: Float64Array, at: number, gradient: number, hessian: number): void {
  histogram[at] = (histogram[at] ?? 0) + gradient;
  histogram[at + 1] = (histogram[at + 1] ?? 0) + hessian;
  histogram[at + 2] = (histogram[at + 2] ?? 0) + 1;
}

/** The innermost loop of training: about 5 ns a row and column, most of the time of every tree. */
function addBlock(
  [first, second, third, fourth]: readonly [Uint8Array, Uint8Array, Uint8Array, Uint8Array],
  rows: Int32Array,
  { gradient, hessian }: OrderedGradients,
  histogram: Float64Array,
  start: number,
  columnSize: number,
): void {
  const secondStart = start + columnSize;
  const thirdStart = secondStart + columnSize;
  const fourthStart = thirdStart + columnSize;
  for (let at = 0; at < rows.length; at++) {
    const row = rows[at] ?? 0;
    const g = gradient[at] ?? 0;
    const h = hessian[at] ?? 0;
    add(histogram, start + (first[row] ?? 0) * STRIDE, g, h);
    add(histogram, secondStart + (second[row] ?? 0) * STRIDE, g, h);
    add(histogram, thirdStart + (third[row] ?? 0) * STRIDE, g, h);
    add(histogram, fourthStart + (fourth[row] ?? 0) * STRIDE, g, h);
  }
}

/** Sums the rows of a node into `histogram`, which is cleared first. */
export function fillHistogram(
  layout: HistogramLayout,
  rows: Int32Array,
  ordered: OrderedGradients,
  histogram: Float64Array,
): void {
  histogram.fill(0);
  const { bins, columnSize } = layout;
  for (let slot = 0; slot < bins.length; slot += COLUMN_BLOCK) {
    const [first, second, third, fourth] = bins.slice(slot, slot + COLUMN_BLOCK);
    if (first && second && third && fourth)
      addBlock(
        [first, second, third, fourth],
        rows,
        ordered,
        histogram,
        slot * columnSize,
        columnSize,
      );
  }
}

/** Turns a parent's histogram into the larger child's: what is not in the smaller child is in the larger. */
export function subtractHistogram(parent: Float64Array, smaller: Float64Array): void {
  for (let at = 0; at < parent.length; at++) parent[at] = (parent[at] ?? 0) - (smaller[at] ?? 0);
}

/**
 * Rounds values to a grid on which any sum of them is exact in float64, in place. Histograms then do not
 * depend on the order of rows, and subtraction leaves no residue. The grid is finer than the largest value
 * by 2^52 / count, at least 30 bits for a million rows.
 */
export function makeSummable(values: Float64Array): void {
  let largest = 0;
  for (let at = 0; at < values.length; at++) {
    const size = Math.abs(values[at] ?? 0);
    if (size > largest) largest = size;
  }
  if (largest === 0) return;
  const unit = 2 ** (Math.ceil(Math.log2(largest * values.length)) - 52);
  // Adding and subtracting 1.5 · 2^52 units drops the bits below one unit, rounding to nearest.
  const shift = 1.5 * 2 ** 52 * unit;
  for (let at = 0; at < values.length; at++) values[at] = (values[at] ?? 0) + shift - shift;
}

/** A sum that is the same for every order of the values. */
export function orderFreeSum(values: Float64Array): number {
  const copy = values.slice();
  makeSummable(copy);
  let sum = 0;
  for (let at = 0; at < copy.length; at++) sum += copy[at] ?? 0;
  return sum;
}
