import * as fc from 'fast-check';
import type { Datatype, TensorData } from '../../functions/serve/tensor.ts';

/** Arbitrary elements of each datatype. */
export const ELEMENTS: Readonly<Record<Datatype, fc.Arbitrary<TensorData>>> = {
  BOOL: fc.array(fc.integer({ min: 0, max: 1 })).map((bits) => Uint8Array.from(bits)),
  UINT8: fc.uint8Array(),
  UINT16: fc.uint16Array(),
  UINT32: fc.uint32Array(),
  UINT64: fc.bigUint64Array(),
  INT8: fc.int8Array(),
  INT16: fc.int16Array(),
  INT32: fc.int32Array(),
  INT64: fc.bigInt64Array(),
  FP16: fc.uint16Array(),
  FP32: fc.float32Array(),
  FP64: fc.float64Array(),
  BYTES: fc.array(fc.string({ unit: 'binary', maxLength: 50 })),
};

export const DATATYPES: readonly Datatype[] = [
  ...(['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64'] as const),
  ...(['INT8', 'INT16', 'INT32', 'INT64', 'FP16', 'FP32', 'FP64', 'BYTES'] as const),
];
