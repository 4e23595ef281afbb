import type { ModelSpec } from '../contracts/model-spec.ts';
import type { LoggedTensor } from '../contracts/prediction-line.ts';

/** Values of every output column of a model, one a row; what is no finite number is NaN. */
export function outputColumns(
  { signature }: ModelSpec,
  outputs: readonly LoggedTensor[],
): Record<string, number[]> {
  const columns: Record<string, number[]> = {};
  for (const { name, columns: names } of signature.outputs) {
    const data = outputs.find((tensor) => tensor.name === name)?.data ?? [];
    names.forEach((column, at) => {
      columns[column] = Array.from({ length: data.length / names.length }, (_, row) => {
        const value = data[row * names.length + at];
        return value === null ? Number.NaN : Number(value);
      });
    });
  }
  return columns;
}
