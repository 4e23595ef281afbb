import type { ModelSpec } from '../contracts/model-spec.ts';
import { ModelMisbehaved } from './fault.ts';
import type { ItemId } from './named-request.ts';
import type { Tensor } from './tensor.ts';

/** One answered instance: a value a column of the signature's outputs, null where it is not finite. */
export type Prediction = Record<string, number | string | boolean | null>;

type OutputTensor = ModelSpec['signature']['outputs'][number];

/**
 * Prepares the writers of named answers for one model. Both throw ModelMisbehaved when the outputs are
 * not what the signature says.
 */
export function compileAnswerWriter(spec: ModelSpec) {
  const { task, signature } = spec;
  const scoreColumn = task.kind === 'regression' ? undefined : task.score;
  return {
    /** One prediction a row, in the order of the instances; classification adds the `decision`. */
    writePredictions: (outputs: readonly Tensor[], rows: number): Prediction[] => {
      const predictions = Array.from({ length: rows }, (): Prediction => ({}));
      for (const tensor of signature.outputs)
        writeColumns(tensor, dataOf(tensor, outputs, rows), predictions);
      if (task.kind === 'classification')
        for (const prediction of predictions)
          prediction['decision'] = decide(task, prediction[task.score]);
      return predictions;
    },
    /** The items by falling score, the caller's order between equals, those without a score last. */
    writeRanking: (outputs: readonly Tensor[], ids: readonly ItemId[]): Prediction[] => {
      const tensor = signature.outputs.find(({ columns }) => columns.includes(scoreColumn ?? ''));
      if (!tensor || scoreColumn === undefined)
        throw new ModelMisbehaved(`"${spec.name}" has no score to rank by`);
      const data = dataOf(tensor, outputs, ids.length);
      const width = tensor.columns.length;
      const column = tensor.columns.indexOf(scoreColumn);
      const scores = ids.map((_, row) => jsonNumber(data[row * width + column]));
      const order = ids.map((_, row) => row);
      order.sort((a, b) => sortKey(scores[b]) - sortKey(scores[a]));
      return order.map((row, at) => ({
        id: ids[row] ?? null,
        [scoreColumn]: scores[row] ?? null,
        rank: at + 1,
      }));
    },
  };
}

function dataOf(wanted: OutputTensor, outputs: readonly Tensor[], rows: number): Tensor['data'] {
  const tensor = outputs.find(({ name }) => name === wanted.name);
  if (!tensor) throw new ModelMisbehaved(`the model gave no output "${wanted.name}"`);
  const { datatype, shape, data } = tensor;
  const columns = wanted.columns.length;
  // Models with one output column often drop the second dimension.
  const isExpected =
    shape[0] === rows && (shape.length === 2 ? shape[1] === columns : columns === 1);
  if (datatype !== wanted.datatype || !isExpected || data.length !== rows * columns)
    throw new ModelMisbehaved(
      `output "${wanted.name}" is ${datatype} [${shape.join(', ')}]; the spec says ${wanted.datatype} [${rows}, ${columns}]`,
    );
  return data;
}

function writeColumns(
  { columns }: OutputTensor,
  data: Tensor['data'],
  predictions: Prediction[],
): void {
  let at = 0;
  for (const prediction of predictions)
    for (const column of columns) prediction[column] = jsonNumber(data[at++]);
}

/** JSON has no NaN; a 64-bit integer that a double cannot hold goes out as text, exact. */
function jsonNumber(value: number | bigint | string | undefined): number | string | null {
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (typeof value !== 'bigint') return null;
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : String(value);
}

function decide(
  { classes, threshold }: Extract<ModelSpec['task'], { kind: 'classification' }>,
  score: Prediction[string] | undefined,
): string | null {
  if (typeof score !== 'number') return null;
  return score >= threshold ? classes[1] : classes[0];
}

/** Below every score, and finite, so that the difference of two is 0 and not NaN. */
const sortKey = (score: Prediction[string] | undefined): number =>
  typeof score === 'number' ? score : -Number.MAX_VALUE;
