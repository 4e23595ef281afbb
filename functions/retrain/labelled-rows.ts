import type { FeatureValue } from '../contracts/column-values.ts';
import type { Task } from '../contracts/task.ts';

/** A row's features by name, as a caller of `predict` or a dataset gives them. */
export type Instance = Readonly<Record<string, FeatureValue>>;

/** Rows with their truth; all arrays run in parallel. */
export interface LabelledRows {
  readonly instances: readonly Instance[];
  /** Regression: the number; ranking: the relevance; classification: the name of the class. */
  readonly labels: readonly (number | string)[];
  /** Ranking: which query each row belongs to; a query's rows need not be adjacent. */
  readonly queries?: readonly string[];
  /** What each row counts; 1 for every row when absent. */
  readonly weights?: ArrayLike<number>;
}

/** A fault in the rows given, with the position of the first row that has it. */
export class TrainingDataError extends Error {
  override readonly name = 'TrainingDataError';
}

const quoted = (value: unknown): string =>
  typeof value === 'string' ? `"${value}"` : String(value);

function labelNumber(task: Task, label: number | string | undefined, row: number): number {
  if (task.kind === 'classification') {
    const at = task.classes.indexOf(String(label));
    if (at >= 0) return at;
    const known = task.classes.map(quoted).join(' or ');
    throw new TrainingDataError(`row ${row}: ${task.label} is ${quoted(label)}, not ${known}`);
  }
  if (typeof label !== 'number' || !Number.isFinite(label))
    throw new TrainingDataError(
      `row ${row}: ${task.label} is ${quoted(label)}, not a finite number`,
    );
  if (task.kind === 'ranking' && (label < 0 || label > 31))
    throw new TrainingDataError(`row ${row}: relevance is ${label}, not from 0 to 31`);
  return label;
}

/** @returns the labels as numbers; classes as 0 and 1. @throws TrainingDataError for one that is none. */
export function labelNumbers(task: Task, labels: LabelledRows['labels']): Float64Array {
  const numbers = new Float64Array(labels.length);
  for (let row = 0; row < labels.length; row++) numbers[row] = labelNumber(task, labels[row], row);
  return numbers;
}

export function rowWeights({ instances, weights }: LabelledRows): Float64Array {
  if (!weights) return new Float64Array(instances.length).fill(1);
  const checked = Float64Array.from(weights);
  let sum = 0;
  checked.forEach((weight, row) => {
    if (!(weight >= 0 && weight < Infinity))
      throw new TrainingDataError(
        `row ${row}: the weight is ${weight}, not a finite number from 0`,
      );
    sum += weight;
  });
  if (sum === 0) throw new TrainingDataError('every row has weight 0');
  return checked;
}

/** @throws TrainingDataError when there is nothing to learn from, or arrays differ in length. */
export function refuseUnusable(task: Task, rows: LabelledRows): void {
  const count = rows.instances.length;
  if (count === 0) throw new TrainingDataError('there are no rows to train on');
  const lengths = { labels: rows.labels, queries: rows.queries, weights: rows.weights };
  for (const [name, values] of Object.entries(lengths))
    if (values && values.length !== count)
      throw new TrainingDataError(`there are ${count} instances but ${values.length} ${name}`);
  if (task.kind === 'ranking' && !rows.queries)
    throw new TrainingDataError(`ranking needs the query of each row ("${task.queryKey}")`);
}

/** @throws TrainingDataError when the part's labels leave nothing to tell apart. */
export function refuseUniform(
  task: Task,
  labels: Float64Array,
  queryStarts: Int32Array,
  part: string,
): void {
  if (task.kind === 'classification') {
    const positives = labels.reduce((sum, label) => sum + label, 0);
    if (positives > 0 && positives < labels.length) return;
    const only = task.classes[positives > 0 ? 1 : 0];
    throw new TrainingDataError(
      `all ${labels.length} ${part} rows are "${only}": a classifier needs rows of both classes`,
    );
  }
  if (task.kind !== 'ranking') return;
  for (let query = 0; query + 1 < queryStarts.length; query++) {
    const of = labels.subarray(queryStarts[query], queryStarts[query + 1]);
    if (of.some((label) => label !== of[0])) return;
  }
  throw new TrainingDataError(
    `no query of the ${part} rows has two items of different relevance, so there is no order to learn`,
  );
}
