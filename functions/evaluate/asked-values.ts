import type { CellValue } from '../contracts/dataset-columns.ts';
import type { Feature } from '../contracts/feature.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { AskedLine, LoggedTensor } from '../contracts/prediction-line.ts';

/** Takes one value of a feature; null where it is missing. */
export type TakeValue = (feature: string, value: CellValue) => void;

/**
 * The values of some features in a request as it was logged, one a row; of a ranking the query's once an item,
 * as datasets have it. Tensors hold timestamps in parts only, so these are passed over there.
 */
export function eachAskedValue(
  spec: Pick<ModelSpec, 'features' | 'signature'>,
  asked: AskedLine,
  features: ReadonlySet<string>,
  take: TakeValue,
): void {
  switch (asked.api) {
    case 'predict':
      for (const instance of asked.instances)
        for (const name of features) take(name, (instance[name] ?? null) as CellValue);
      return;
    case 'rank':
      for (const item of asked.items)
        for (const name of features)
          take(name, (item[name] ?? asked.query[name] ?? null) as CellValue);
      return;
    case 'infer':
      for (const { name, columns } of spec.signature.inputs) {
        const tensor = asked.inputs.find((each) => each.name === name);
        columns.forEach((column, at) => {
          if (typeof column !== 'string' || !features.has(column) || !tensor) return;
          const kind = spec.features.find((feature) => feature.name === column)?.kind;
          for (let cell = at; cell < tensor.data.length; cell += columns.length)
            take(column, readCell(kind, tensor.data[cell]));
        });
      }
  }
}

/** As it was before it was a cell of a tensor. */
function readCell(
  kind: Feature['kind'] | undefined,
  cell: LoggedTensor['data'][number] | undefined,
) {
  if (cell === null || cell === undefined || cell === '') return null;
  return kind === 'boolean' ? Number(cell) === 1 : cell;
}

/** The column of the logged outputs that has this name; null where the model gave no finite number. */
export function outputColumn(
  { signature }: Pick<ModelSpec, 'signature'>,
  outputs: readonly LoggedTensor[],
  column: string,
): readonly CellValue[] {
  const output = signature.outputs.find(({ columns }) => columns.includes(column));
  const tensor = outputs.find(({ name }) => name === output?.name);
  if (!output || !tensor) return [];
  const at = output.columns.indexOf(column);
  return tensor.data.filter((_, cell) => cell % output.columns.length === at);
}
