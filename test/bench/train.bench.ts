/**
 * How long boosting takes, how that grows with rows and with columns, and the memory at its peak. Prints a
 * table and writes dist/bench/train.json. Run by `node test/bench/train.bench.ts`.
 */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { BOOSTING_DEFAULTS, boost } from '../../functions/retrain/boosting.ts';
import type { FeatureTable, Targets } from '../../functions/retrain/feature-table.ts';
import { squaredError } from '../../functions/retrain/objective.ts';

interface Measured {
  readonly rows: number;
  readonly columns: number;
  readonly trees: number;
  readonly seconds: number;
  /** Of one processor, which other programs on the machine do not lengthen. */
  readonly cpuSeconds: number;
  /** Root mean squared error on the training rows, of labels whose noise has deviation 1. */
  readonly rmse: number;
}

/** Friedman's first function (1991), rescaled columns beside it as noise. */
function friedman(rows: number, columns: number): { table: FeatureTable; targets: Targets } {
  const random = seededRandom(1, 'bench');
  const values = new Float32Array(rows * columns).map(() => random.next());
  const at = (column: number, row: number): number => values[column * rows + row] ?? 0;
  const labels = Float64Array.from(
    { length: rows },
    (_, row) =>
      10 * Math.sin(Math.PI * at(0, row) * at(1, row)) +
      20 * (at(2, row) - 0.5) ** 2 +
      10 * at(3, row) +
      5 * at(4, row) +
      random.normal(),
  );
  const named = Array.from({ length: columns }, (_, column) => ({
    name: `x${column}`,
    kind: 'number' as const,
    categories: [],
  }));
  return {
    table: { rows, columns: named, values },
    targets: {
      labels,
      weights: new Float64Array(rows).fill(1),
      queryStarts: new Int32Array(0),
    },
  };
}

function measure(rows: number, columns: number, trees: number): Measured {
  const { table, targets } = friedman(rows, columns);
  const started = performance.now();
  const startedCpu = process.cpuUsage();
  const options = { ...BOOSTING_DEFAULTS, trees };
  const steps = boost({ table, objective: squaredError(targets) }, undefined, options);
  let step = steps.next();
  while (!step.done) step = steps.next();
  const { user, system } = process.cpuUsage(startedCpu);
  return {
    rows,
    columns,
    trees,
    seconds: (performance.now() - started) / 1000,
    cpuSeconds: (user + system) / 1e6,
    rmse: Math.sqrt(step.value.curve.training.at(-1) ?? 0),
  };
}

/** Slope of log time over log size by least squares: 1 is linear. */
function exponent(points: readonly { size: number; seconds: number }[]): number {
  const logs = points.map(({ size, seconds }) => ({ x: Math.log(size), y: Math.log(seconds) }));
  const mean = (of: (point: { x: number; y: number }) => number): number =>
    logs.reduce((sum, point) => sum + of(point), 0) / logs.length;
  const [x, y] = [mean((point) => point.x), mean((point) => point.y)];
  return mean((point) => (point.x - x) * (point.y - y)) / mean((point) => (point.x - x) ** 2);
}

measure(5000, 20, 20);
const target = measure(100_000, 20, 100);
const byRows = [10_000, 30_000, 100_000, 300_000].map((rows) => measure(rows, 20, 20));
const byColumns = [10, 30, 100].map((columns) => measure(50_000, columns, 20));
const result = {
  target,
  targetSeconds: 6,
  byRows,
  rowExponent: exponent(
    byRows.map(({ rows, cpuSeconds }) => ({ size: rows, seconds: cpuSeconds })),
  ),
  byColumns,
  columnExponent: exponent(
    byColumns.map(({ columns, cpuSeconds }) => ({ size: columns, seconds: cpuSeconds })),
  ),
  peakMemoryMb: process.resourceUsage().maxRSS / 1024,
};
console.table([target, ...byRows, ...byColumns]);
console.log(
  `time grows as rows^${result.rowExponent.toFixed(2)} and columns^${result.columnExponent.toFixed(2)}; ` +
    `peak memory ${result.peakMemoryMb.toFixed(0)} MB`,
);
const folder = join(import.meta.dirname, '../../dist/bench');
mkdirSync(folder, { recursive: true });
writeFileSync(join(folder, 'train.json'), `${JSON.stringify(result, null, 2)}\n`);
