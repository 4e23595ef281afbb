import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { encodeModel, type Node } from '../../functions/runtime/onnx-encoder.ts';

interface LinearGraphOptions {
  /** Weight of every number column. */
  readonly weight?: number;
  readonly bias?: number;
  /** Otherwise a missing number makes every output of its row NaN. */
  readonly missingAsZero?: boolean;
  /** Takes some milliseconds a row longer, for the same answer. */
  readonly slow?: boolean;
  /** Makes graphs that answer alike differ in their bytes. */
  readonly note?: string;
}

/** Sines of a wide row of nothing: work that no optimizer takes away, since it hangs on the input. */
const SLOW = { width: 50_000, sines: 100 };

/** Adds up to the zero it is given. */
function slowZero(input: string, columns: number) {
  const sines = Array.from(
    { length: SLOW.sines },
    (_, at): Node => ({ op: 'Sin', inputs: [`sine_${at}`], outputs: [`sine_${at + 1}`] }),
  );
  const nodes: Node[] = [
    { op: 'MatMul', inputs: [input, 'nothing'], outputs: ['zero_a_row'] },
    { op: 'MatMul', inputs: ['zero_a_row', 'spread'], outputs: ['sine_0'] },
    ...sines,
    { op: 'MatMul', inputs: [`sine_${SLOW.sines}`, 'gather'], outputs: ['slow_zero'] },
  ];
  const initializers = {
    nothing: { shape: [columns, 1], data: new Float32Array(columns) },
    spread: { shape: [1, SLOW.width], data: new Float32Array(SLOW.width) },
    gather: { shape: [SLOW.width, 1], data: new Float32Array(SLOW.width) },
  };
  return { nodes, initializers };
}

/**
 * A graph with exactly a spec's signature whose every output is bias + weight · Σ of the first FP32 input's
 * columns: quick to make, and its answers can be told by heart.
 */
export function linearGraph(
  { name, signature }: ModelSpec,
  options: LinearGraphOptions = {},
): Uint8Array {
  const { weight = 0, bias = 0, note = '' } = options;
  const numbers = signature.inputs.find(({ datatype }) => datatype === 'FP32');
  if (!numbers) throw new Error(`${name} has no FP32 input to compute from`);
  const rows = numbers.columns.length;
  const isMissingZero = options.missingAsZero ?? true;
  const cleaned = isMissingZero ? 'cleaned' : numbers.name;
  const cleaning: Node[] = [
    { op: 'IsNaN', inputs: [numbers.name], outputs: ['missing'] },
    { op: 'Where', inputs: ['missing', 'zero', numbers.name], outputs: ['cleaned'] },
  ];
  const detour = options.slow ? slowZero(cleaned, rows) : { nodes: [], initializers: {} };
  const nodes = signature.outputs.flatMap(({ name: output }): Node[] => [
    { op: 'MatMul', inputs: [cleaned, `w_${output}`], outputs: [`p_${output}`] },
    ...(options.slow
      ? [{ op: 'Add', inputs: [`p_${output}`, 'slow_zero'], outputs: [`s_${output}`] }]
      : []),
    {
      op: 'Add',
      inputs: [options.slow ? `s_${output}` : `p_${output}`, `b_${output}`],
      outputs: [output],
    },
  ]);
  const initializers = Object.fromEntries(
    signature.outputs.flatMap((output) => {
      const columns = output.columns.length;
      return [
        [
          `w_${output.name}`,
          { shape: [rows, columns], data: new Float32Array(rows * columns).fill(weight) },
        ],
        [`b_${output.name}`, { shape: [columns], data: new Float32Array(columns).fill(bias) }],
      ];
    }),
  );
  return encodeModel({
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    producer: { name: 'slipway-tests', version: '1' },
    graph: {
      name,
      nodes: [...(isMissingZero ? cleaning : []), ...detour.nodes, ...nodes],
      initializers: {
        ...initializers,
        ...detour.initializers,
        ...(isMissingZero && { zero: { shape: [], data: new Float32Array(1) } }),
      },
      inputs: signature.inputs.map(({ name: input, datatype, columns }) => ({
        name: input,
        elementType: datatype,
        shape: ['N', columns.length],
      })),
      outputs: signature.outputs.map(({ name: output, datatype, columns }) => ({
        name: output,
        elementType: datatype,
        shape: ['N', columns.length],
      })),
    },
    metadata: { note },
  });
}
