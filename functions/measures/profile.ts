import { epochMs } from '../contracts/column-values.ts';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import type { ColumnProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import { quantilesOfSorted } from './drift.ts';

/**
 * One column at a time, exactly: a column of ten million numbers is 80 MB. The quantile sketches that were
 * tried in mind (DDSketch, t-digest) hold all columns at once in less, but their bins' counts would be
 * estimates, and drift is measured from these counts.
 */
const LEVELS = [0.01, 0.05, 0.25, 0.5, 0.75, 0.95, 0.99];
const TIME_SLICES = 20;

/** Takes the cells of one column in any number of pieces. */
export interface ColumnProfiler {
  add(cell: CellValue): void;
  finish(): ColumnProfile;
}

type Described = Pick<ColumnProfile, 'name' | 'role' | 'unit'>;

const describe = ({ name, role, unit }: DatasetColumn): Described => ({
  name,
  role,
  ...(unit !== undefined && { unit }),
});

/** @param rows how many cells there will be. */
export function profilerOf(column: DatasetColumn, rows: number): ColumnProfiler {
  switch (column.kind) {
    case 'number':
      return numberProfiler(column, rows);
    case 'category':
      return categoryProfiler(column);
    case 'boolean':
      return booleanProfiler(column);
    case 'timestamp':
      return timestampProfiler(column, rows);
    case 'identifier':
      return identifierProfiler(column);
  }
}

function numberProfiler(column: DatasetColumn, rows: number): ColumnProfiler {
  const values = new Float64Array(rows);
  let present = 0;
  return {
    add(cell) {
      if (typeof cell === 'number') values[present++] = cell;
    },
    finish() {
      const sorted = values.subarray(0, present).sort();
      const bins = LIMITS.profileBins;
      const levels = Array.from({ length: bins - 1 }, (_, at) => (at + 1) / bins);
      const edges = [...new Set(quantilesOfSorted(sorted, levels))];
      const missing = rows - present;
      return {
        kind: 'number',
        ...describe(column),
        missing,
        distinct: distinctOf(sorted),
        ...(present > 0 && { summary: summaryOf(sorted) }),
        edges,
        counts: [...countsOf(sorted, edges), missing],
      };
    },
  };
}

function distinctOf(sorted: Float64Array): number {
  let distinct = 0;
  sorted.forEach((value, at) => {
    if (at === 0 || value !== sorted[at - 1]) distinct += 1;
  });
  return distinct;
}

function summaryOf(sorted: Float64Array) {
  // Welford 1962: a sum of squares would lose the deviation of large, close values.
  let mean = 0;
  let squares = 0;
  sorted.forEach((value, at) => {
    const off = value - mean;
    mean += off / (at + 1);
    squares += off * (value - mean);
  });
  const values = quantilesOfSorted(sorted, LEVELS);
  return {
    minimum: sorted[0] ?? 0,
    maximum: sorted.at(-1) ?? 0,
    mean,
    deviation: Math.sqrt(squares / sorted.length),
    quantiles: LEVELS.map((level, at) => ({ level, value: values[at] ?? 0 })),
  };
}

/** Values up to each edge and above the edge before it, then those above the last. */
function countsOf(sorted: Float64Array, edges: readonly number[]): number[] {
  const reached = [...edges.map((edge) => upperBound(sorted, edge)), sorted.length];
  return reached.map((end, at) => end - (reached[at - 1] ?? 0));
}

/** How many sorted values are at most `limit`. */
function upperBound(sorted: Float64Array, limit: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) <= limit) low = middle + 1;
    else high = middle;
  }
  return low;
}

function categoryProfiler(column: DatasetColumn): ColumnProfiler {
  const counts = new Map<string, number>();
  let missing = 0;
  let uncounted = 0;
  return {
    add(cell) {
      if (cell === null) return void (missing += 1);
      const value = String(cell);
      const count = counts.get(value);
      if (count !== undefined || counts.size < LIMITS.profileDistinctTexts)
        counts.set(value, (count ?? 0) + 1);
      else uncounted += 1;
    },
    finish() {
      const ordered = [...counts].toSorted(
        ([one, ones], [other, others]) => others - ones || (one < other ? -1 : 1),
      );
      const rest = ordered.slice(LIMITS.profileCategories);
      return {
        kind: 'category',
        ...describe(column),
        missing,
        distinct: counts.size,
        isDistinctAtLeast: uncounted > 0,
        top: ordered.slice(0, LIMITS.profileCategories).map(([value, count]) => ({ value, count })),
        other: rest.reduce((sum, [, count]) => sum + count, uncounted),
      };
    },
  };
}

function booleanProfiler(column: DatasetColumn): ColumnProfiler {
  const counts = { yes: 0, no: 0, missing: 0 };
  return {
    add(cell) {
      if (cell === null) counts.missing += 1;
      else counts[cell === true ? 'yes' : 'no'] += 1;
    },
    finish: () => ({ kind: 'boolean', ...describe(column), ...counts }),
  };
}

function timestampProfiler(column: DatasetColumn, rows: number): ColumnProfiler {
  const instants = new Float64Array(rows);
  let present = 0;
  let first = { ms: Number.POSITIVE_INFINITY, text: '' };
  let last = { ms: Number.NEGATIVE_INFINITY, text: '' };
  return {
    add(cell) {
      if (typeof cell !== 'string') return;
      const ms = epochMs(cell);
      if (ms === undefined) return;
      instants[present++] = ms;
      if (ms < first.ms) first = { ms, text: cell };
      if (ms > last.ms) last = { ms, text: cell };
    },
    finish: () => ({
      kind: 'timestamp',
      ...describe(column),
      missing: rows - present,
      ...(present > 0 && { range: { earliest: first.text, latest: last.text } }),
      counts: slicesOf(instants.subarray(0, present), first.ms, last.ms),
    }),
  };
}

function slicesOf(instants: Float64Array, first: number, last: number): number[] {
  const counts = new Array<number>(TIME_SLICES).fill(0);
  const width = (last - first) / TIME_SLICES || 1;
  for (const ms of instants) {
    const slice = Math.min(Math.floor((ms - first) / width), TIME_SLICES - 1);
    counts[slice] = (counts[slice] ?? 0) + 1;
  }
  return counts;
}

function identifierProfiler(column: DatasetColumn): ColumnProfiler {
  const seen = new Set<string>();
  let missing = 0;
  let isDistinctAtLeast = false;
  return {
    add(cell) {
      if (cell === null) missing += 1;
      else if (seen.size < LIMITS.profileDistinctTexts) seen.add(String(cell));
      else isDistinctAtLeast ||= !seen.has(String(cell));
    },
    finish: () => ({
      kind: 'identifier',
      ...describe(column),
      missing,
      distinct: seen.size,
      isDistinctAtLeast,
    }),
  };
}
