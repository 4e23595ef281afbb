import type { ModelSpec } from '../contracts/model-spec.ts';
import type { GraphInspection, GraphTensor } from './graph-inspection.ts';

type OpenedGraph = Extract<GraphInspection, { kind: 'opened' }>;

/** ONNX Runtime's word for each datatype of a signature. */
const GRAPH_TYPE = { FP32: 'float32', INT64: 'int64', BYTES: 'string' } as const;

/**
 * The operator sets ONNX Runtime 1.30 runs. A higher one would fail at the first request in a runtime
 * that is older than the exporter.
 */
export const NEWEST_OPSETS: Readonly<Record<string, number>> = { '': 25, 'ai.onnx.ml': 5 };

interface WantedTensor {
  readonly name: string;
  readonly type: string;
  readonly columns: number;
}

/** Every reason why the graph cannot serve the model; empty when it can. */
export function signatureFaults(spec: ModelSpec, graph: OpenedGraph): string[] {
  const wanted = (tensor: ModelSpec['signature']['inputs' | 'outputs'][number]): WantedTensor => ({
    name: tensor.name,
    type: GRAPH_TYPE[tensor.datatype],
    columns: tensor.columns.length,
  });
  return [
    ...tensorFaults('input', spec.signature.inputs.map(wanted), graph.inputs),
    ...tensorFaults('output', spec.signature.outputs.map(wanted), graph.outputs),
    ...opsetFaults(graph.opsets),
  ];
}

function tensorFaults(
  side: 'input' | 'output',
  wanted: WantedTensor[],
  found: readonly GraphTensor[],
): string[] {
  const names = wanted.map((tensor) => tensor.name);
  const unexpected = found
    .filter((tensor) => !names.includes(tensor.name))
    .map(
      (tensor) => `${side} "${tensor.name}" is not in the spec; the spec has: ${names.join(', ')}`,
    );
  return [...wanted.flatMap((tensor) => oneTensorFaults(side, tensor, found)), ...unexpected];
}

function oneTensorFaults(
  side: string,
  wanted: WantedTensor,
  found: readonly GraphTensor[],
): string[] {
  const tensor = found.find(({ name }) => name === wanted.name);
  if (!tensor) return [`${side} "${wanted.name}" is missing from the graph`];
  const faults: string[] = [];
  if (tensor.type !== wanted.type)
    faults.push(
      `${side} "${wanted.name}" is ${tensor.type} in the graph, ${wanted.type} in the spec`,
    );
  const [rows, columns, ...rest] = tensor.shape;
  const fits = rows === -1 && (columns === wanted.columns || columns === -1) && rest.length === 0;
  if (!fits)
    faults.push(
      `${side} "${wanted.name}" has shape [${tensor.shape.join(', ')}] in the graph, [-1, ${wanted.columns}] in the spec`,
    );
  return faults;
}

const opsetFaults = (opsets: OpenedGraph['opsets']): string[] =>
  opsets.flatMap(({ domain, version }) => {
    const newest = NEWEST_OPSETS[domain];
    if (newest === undefined)
      return [
        `operator set "${domain}" is not one ONNX Runtime carries; export with ${Object.keys(
          NEWEST_OPSETS,
        )
          .map((name) => name || 'ai.onnx')
          .join(', ')} only`,
      ];
    return version > newest
      ? [
          `operator set ${domain || 'ai.onnx'} ${version} is newer than ${newest}, the newest that serving runs`,
        ]
      : [];
  });
