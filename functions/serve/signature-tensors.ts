import type { Signature } from '../contracts/signature.ts';
import type { TensorDescription } from './tensor.ts';

/** Inputs and outputs of every version of a model: registration refuses a graph with others. */
export function describeSignature({ inputs, outputs }: Signature): {
  readonly inputs: TensorDescription[];
  readonly outputs: TensorDescription[];
} {
  const describe = ({
    name,
    datatype,
    columns,
  }: Signature['inputs' | 'outputs'][number]): TensorDescription => ({
    name,
    datatype,
    shape: [-1, columns.length],
  });
  return { inputs: inputs.map(describe), outputs: outputs.map(describe) };
}
