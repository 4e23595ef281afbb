import { categoryValue, columnValue, type FeatureValue } from '../contracts/column-values.ts';
import type { Feature } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { TimestampPart } from '../contracts/signature.ts';
import { MOST_BINS } from './feature-bins.ts';
import type { FeatureColumn, FeatureTable } from './feature-table.ts';
import { type Instance, TrainingDataError } from './labelled-rows.ts';

/** A category seen in fewer training rows than this is treated as unseen: nothing can be learned of it. */
const LEAST_ROWS = 2;

/** One column of the model's input tensors, in the order of the signature. */
export interface InputColumn {
  /** The feature, with the part for timestamps: `orderedAt.hour-of-day`. */
  readonly name: string;
  readonly feature: Feature;
  readonly part: TimestampPart | undefined;
}

export function inputColumns({ features, signature }: ModelSpec): InputColumn[] {
  return signature.inputs.flatMap(({ columns }) =>
    columns.map((column) => {
      const { feature: name, part } =
        typeof column === 'string' ? { feature: column, part: undefined } : column;
      const feature = features.find((each) => each.name === name);
      if (!feature) throw new Error(`the signature names "${name}", which is no feature`);
      return { name: part ? `${name}.${part}` : name, feature, part };
    }),
  );
}

function refuse(value: FeatureValue, { feature }: InputColumn, row: number): never {
  const kind = feature.kind === 'timestamp' ? 'RFC 3339 instant with an offset' : feature.kind;
  throw new TrainingDataError(
    `row ${row}: ${feature.name} is ${JSON.stringify(value)}, not a ${kind}`,
  );
}

function textOf(instance: Instance, column: InputColumn, row: number): string {
  const value = instance[column.feature.name];
  return categoryValue(value) ?? refuse(value, column, row);
}

/** The most frequent categories, as many as a byte can number; equal counts in alphabetical order. */
function learnCategories(column: InputColumn, instances: readonly Instance[]): string[] {
  const counts = new Map<string, number>();
  instances.forEach((instance, row) => {
    const text = textOf(instance, column, row);
    if (text !== '') counts.set(text, (counts.get(text) ?? 0) + 1);
  });
  return [...counts]
    .filter(([, count]) => count >= LEAST_ROWS)
    .sort(([one, ones], [other, others]) => others - ones || (one < other ? -1 : 1))
    .slice(0, MOST_BINS - 1)
    .map(([text]) => text);
}

/** Columns of the trainer's table; which categories exist is learned from the rows given. */
export function learnColumns(
  inputs: readonly InputColumn[],
  instances: readonly Instance[],
): FeatureColumn[] {
  return inputs.map((column) =>
    column.feature.kind === 'category'
      ? { name: column.name, kind: 'category', categories: learnCategories(column, instances) }
      : { name: column.name, kind: 'number', categories: [] },
  );
}

/**
 * Named features to float32 columns, by the same functions that serving fills tensors with.
 * @throws TrainingDataError naming the first value that does not fit its feature.
 */
export function encodeRows(
  inputs: readonly InputColumn[],
  columns: readonly FeatureColumn[],
  instances: readonly Instance[],
): FeatureTable {
  const rows = instances.length;
  const values = new Float32Array(rows * inputs.length);
  inputs.forEach((input, at) => {
    const codes = new Map(columns[at]?.categories.map((text, code) => [text, code + 1]));
    const isCategory = input.feature.kind === 'category';
    for (let row = 0; row < rows; row++) {
      const instance = instances[row] ?? {};
      const value = instance[input.feature.name];
      values[at * rows + row] = isCategory
        ? (codes.get(textOf(instance, input, row)) ?? 0)
        : (columnValue(input.feature, input.part, value) ?? refuse(value, input, row));
    }
  });
  return { rows, columns, values };
}
