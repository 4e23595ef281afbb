import { InferenceSession, Tensor } from 'onnxruntime-node';
import { categoryValue, columnValue } from '../../functions/contracts/column-values.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Instance } from '../../functions/retrain/labelled-rows.ts';

function feedsOf({ features, signature }: ModelSpec, instances: readonly Instance[]) {
  const entries = signature.inputs.map(({ name, datatype, columns }) => {
    const cells = instances.flatMap((instance) =>
      columns.map((column) => {
        const { feature, part } =
          typeof column === 'string' ? { feature: column, part: undefined } : column;
        const described = features.find((each) => each.name === feature);
        const value = instance[feature];
        return datatype === 'BYTES'
          ? categoryValue(value)
          : columnValue(described ?? { kind: 'number' }, part, value);
      }),
    );
    const shape = [instances.length, columns.length];
    const tensor =
      datatype === 'BYTES'
        ? new Tensor('string', cells.map(String), shape)
        : new Tensor('float32', Float32Array.from(cells, Number), shape);
    return [name, tensor] as const;
  });
  return Object.fromEntries(entries);
}

/** What onnxruntime answers to named features: rows × output columns of one output tensor. */
export async function graphAnswers(
  onnx: Uint8Array,
  spec: ModelSpec,
  instances: readonly Instance[],
): Promise<Float32Array> {
  const session = await InferenceSession.create(onnx, {
    intraOpNumThreads: 1,
    logSeverityLevel: 3,
  });
  const outputs = await session.run(feedsOf(spec, instances));
  const data = outputs[spec.signature.outputs[0]?.name ?? '']?.data;
  await session.release();
  if (!(data instanceof Float32Array)) throw new Error('the graph gave no float32 output');
  return data;
}

/**
 * Largest |graph − trainer| / |trainer|.
 * @param floor of what is divided by: a sum of float32 numbers near 0 is as exact as its largest part.
 */
export function largestDifference(
  trainer: Float64Array,
  graph: Float32Array,
  floor: number,
): number {
  if (trainer.length !== graph.length) return Number.POSITIVE_INFINITY;
  let largest = 0;
  trainer.forEach((value, at) => {
    const difference = Math.abs(value - (graph[at] ?? Number.NaN));
    const relative = difference === 0 ? 0 : difference / Math.max(Math.abs(value), floor);
    if (!(relative <= largest)) largest = relative;
  });
  return largest;
}
