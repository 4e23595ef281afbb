import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Attribute, Node, Tensor, TensorInfo } from '../runtime/onnx-encoder.ts';
import type { FeatureColumn } from './feature-table.ts';

export const ML_DOMAIN = 'ai.onnx.ml';
/** ONNX numbers of element types, for Cast. */
const FLOAT32 = 1;
const FLOAT64 = 11;

/** Collects nodes in order of evaluation; every name is made here, so none can clash with a tensor's. */
export interface GraphBuilder {
  readonly nodes: readonly Node[];
  readonly initializers: Readonly<Record<string, Tensor>>;
  /** @returns the name of the node's only output: `output` if given, else a new one. */
  add(
    op: string,
    inputs: readonly string[],
    attributes?: Readonly<Record<string, Attribute>>,
    place?: { readonly domain?: string; readonly output?: string },
  ): string;
  constant(data: Tensor['data'], shape?: readonly number[]): string;
}

export function graphBuilder(): GraphBuilder {
  const nodes: Node[] = [];
  const initializers: Record<string, Tensor> = {};
  return {
    nodes,
    initializers,
    add(op, inputs, attributes = {}, { domain = '', output } = {}) {
      const name = output ?? `step/${nodes.length}/${op}`;
      nodes.push({ op, domain, inputs, outputs: [name], attributes });
      return name;
    },
    constant(data, shape = [data.length]) {
      const name = `constant/${Object.keys(initializers).length}`;
      initializers[name] = { data, shape };
      return name;
    },
  };
}

export const toFloat64 = (graph: GraphBuilder, from: string): string =>
  graph.add('Cast', [from], { to: { int: FLOAT64 } });

export const scalar = (graph: GraphBuilder, value: number): string =>
  graph.constant(Float64Array.of(value));

/** Columns side by side. */
export const concat = (graph: GraphBuilder, columns: readonly string[], output?: string): string =>
  graph.add('Concat', columns, { axis: { int: 1 } }, output === undefined ? {} : { output });

/** One column of a [rows, columns] tensor, as [rows, 1]. */
export const columnOf = (graph: GraphBuilder, tensor: string, column: number): string =>
  graph.add('Gather', [tensor, graph.constant(BigInt64Array.of(BigInt(column)))], {
    axis: { int: 1 },
  });

/** Text to the trainer's code; whatever was not seen in training, and '', is 0. */
function encodeCategory(graph: GraphBuilder, text: string, { categories }: FeatureColumn): string {
  return graph.add(
    'LabelEncoder',
    [text],
    {
      keys_strings: { strings: ['', ...categories] },
      values_floats: { floats: [0, ...categories.map((_, code) => code + 1)] },
      default_float: { float: 0 },
    },
    { domain: ML_DOMAIN },
  );
}

/**
 * Input tensors of the signature to one float64 tensor [rows, columns] of what the trainer saw. Float64,
 * because tree sums in float32 drift from the trainer's by more than a relative 1e-5 near zero.
 */
export function encodeInputs(
  graph: GraphBuilder,
  { signature }: ModelSpec,
  columns: readonly FeatureColumn[],
): string {
  let next = 0;
  const parts = signature.inputs.flatMap((tensor) => {
    const first = next;
    next += tensor.columns.length;
    if (tensor.datatype === 'FP32') return [tensor.name];
    return tensor.columns.map((_, at) => {
      const column = columns[first + at];
      const text = columnOf(graph, tensor.name, at);
      return column ? encodeCategory(graph, text, column) : text;
    });
  });
  return toFloat64(graph, parts.length === 1 ? (parts[0] ?? '') : concat(graph, parts));
}

/**
 * Named float64 columns to the output tensors of the signature.
 * @throws Error for a column that this trainer does not make.
 */
export function emitOutputs(
  graph: GraphBuilder,
  { signature }: ModelSpec,
  answers: ReadonlyMap<string, string>,
): void {
  for (const { name, datatype, columns } of signature.outputs) {
    if (datatype !== 'FP32')
      throw new Error(`output "${name}" is ${datatype}: this trainer answers in FP32 only`);
    const parts = columns.map((column) => {
      const answer = answers.get(column);
      if (answer !== undefined) return answer;
      throw new Error(
        `output column "${column}" is not among what this trainer makes: ${[...answers.keys()].join(', ')}`,
      );
    });
    const joined = concat(graph, parts);
    graph.add('Cast', [joined], { to: { int: FLOAT32 } }, { output: name });
  }
}

export const tensorInfos = (tensors: ModelSpec['signature']['inputs' | 'outputs']): TensorInfo[] =>
  tensors.map(({ name, datatype, columns }) => ({
    name,
    elementType: datatype,
    shape: ['rows', columns.length],
  }));
