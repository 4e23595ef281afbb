import type { Task } from '../contracts/task.ts';
import { seededRandom, shuffle } from '../measures/seeded-random.ts';
import type { Scorer } from './boosted-heads.ts';
import { type FeatureTable, type Targets, takeRows } from './feature-table.ts';
import { headsOf } from './trained-task.ts';
import type { TrainingParts } from './training-parts.ts';

export interface ColumnImportance {
  readonly column: string;
  /** Share of all split gains; absent for models without splits. */
  readonly gain?: number;
  /**
   * How much the loss of the first head rises on validation rows when the column's values are shuffled
   * among them (Breiman 2001), as a share of that loss.
   */
  readonly permutation: number;
}

/** Shuffling needs a score of every row for every column; more rows would only cost time. */
const MOST_ROWS = 1000;

/** The first rows of the part, to whole queries. */
function firstRows(
  table: FeatureTable,
  targets: Targets,
): { table: FeatureTable; targets: Targets } {
  const wholeQueries = targets.queryStarts.filter((start) => start > 0 && start <= MOST_ROWS);
  const isRanking = targets.queryStarts.length > 1;
  const count = isRanking ? (wholeQueries.at(-1) ?? table.rows) : Math.min(MOST_ROWS, table.rows);
  return {
    table: takeRows(
      table,
      Int32Array.from({ length: count }, (_, row) => row),
    ),
    targets: {
      labels: targets.labels.subarray(0, count),
      weights: targets.weights.subarray(0, count),
      queryStarts: targets.queryStarts.filter((start) => start <= count),
    },
  };
}

function shuffled(table: FeatureTable, column: number, order: Int32Array): FeatureTable {
  const values = table.values.slice();
  const start = column * table.rows;
  order.forEach((from, row) => {
    values[start + row] = table.values[start + from] ?? Number.NaN;
  });
  return { ...table, values };
}

export function columnImportance(
  task: Task,
  { validation }: TrainingParts,
  { gains, scores }: Scorer,
  seed: number,
): ColumnImportance[] {
  const { table, targets } = firstRows(validation.table, validation.targets);
  const objective = headsOf(task)[0]?.objective(targets);
  const lossOf = (of: FeatureTable): number => objective?.loss(scores(of, 0)) ?? 0;
  const usual = lossOf(table);
  const random = seededRandom(seed, 'permutation importance');
  const total = gains?.reduce((sum, gain) => sum + gain, 0) || 1;
  return table.columns
    .map(({ name }, at): ColumnImportance => {
      const order = shuffle(
        Int32Array.from({ length: table.rows }, (_, row) => row),
        random,
      );
      const rise = lossOf(shuffled(table, at, order)) - usual;
      const permutation = usual > 0 ? rise / usual : 0;
      return { column: name, ...(gains && { gain: (gains[at] ?? 0) / total }), permutation };
    })
    .sort((one, other) => other.permutation - one.permutation);
}
