import { Tensor } from 'onnxruntime-node';
import { categoryValue, columnValue, type FeatureValue } from '../contracts/column-values.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';

/** Cells of a batch of rows by feature; a feature that the dataset has not is missing. */
export type BatchCells = ReadonlyMap<string, ArrayLike<unknown>>;

/** The signature's input tensors of rows, by the same functions that serving fills them with. */
export function graphInputs(
  { features, signature }: Pick<ModelSpec, 'features' | 'signature'>,
  cells: BatchCells,
  rows: number,
): Record<string, Tensor> {
  const kinds = new Map(features.map((feature) => [feature.name, feature]));
  return Object.fromEntries(
    signature.inputs.map(({ name, datatype, columns }) => {
      const width = columns.length;
      const texts = datatype === 'BYTES' ? new Array<string>(rows * width).fill('') : undefined;
      const numbers = new Float32Array(texts ? 0 : rows * width).fill(Number.NaN);
      columns.forEach((column, at) => {
        const [feature, part] =
          typeof column === 'string' ? [column, undefined] : [column.feature, column.part];
        const kind = kinds.get(feature);
        const values = cells.get(feature);
        if (!kind || !values) return;
        for (let row = 0; row < rows; row++) {
          const value = values[row] as FeatureValue;
          if (texts) texts[row * width + at] = categoryValue(value) ?? '';
          else numbers[row * width + at] = columnValue(kind, part, value) ?? Number.NaN;
        }
      });
      const shape = [rows, width];
      const tensor = texts
        ? new Tensor('string', texts, shape)
        : new Tensor('float32', numbers, shape);
      return [name, tensor];
    }),
  );
}
