import { isUtf8 } from 'node:buffer';
import { LIMITS } from '../contracts/limits.ts';
import type { Faults } from './fault.ts';

type NumericArray =
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Float32Array
  | Float64Array;
export type TensorData = NumericArray | string[];

/** Bytes an element in binary, ONNX Runtime's word, and the array that holds it. FP16 is kept as its bits. */
const NUMERIC = {
  BOOL: { bytes: 1, onnx: 'bool', Data: Uint8Array },
  UINT8: { bytes: 1, onnx: 'uint8', Data: Uint8Array },
  UINT16: { bytes: 2, onnx: 'uint16', Data: Uint16Array },
  UINT32: { bytes: 4, onnx: 'uint32', Data: Uint32Array },
  UINT64: { bytes: 8, onnx: 'uint64', Data: BigUint64Array },
  INT8: { bytes: 1, onnx: 'int8', Data: Int8Array },
  INT16: { bytes: 2, onnx: 'int16', Data: Int16Array },
  INT32: { bytes: 4, onnx: 'int32', Data: Int32Array },
  INT64: { bytes: 8, onnx: 'int64', Data: BigInt64Array },
  FP16: { bytes: 2, onnx: 'float16', Data: Uint16Array },
  FP32: { bytes: 4, onnx: 'float32', Data: Float32Array },
  FP64: { bytes: 8, onnx: 'float64', Data: Float64Array },
} as const;

type NumericDatatype = keyof typeof NUMERIC;
/** Of the Open Inference Protocol. */
export type Datatype = NumericDatatype | 'BYTES';

/** An input or output as the opened model declares it; -1 in the shape: any size. */
export interface TensorDescription {
  readonly name: string;
  readonly datatype: Datatype;
  readonly shape: readonly number[];
}

/** Row-major; `data` is a string[] for BYTES, 0 and 1 for BOOL, the bits for FP16. */
export interface Tensor extends TensorDescription {
  readonly data: TensorData;
}

const isNumeric = (name: string): name is NumericDatatype => Object.hasOwn(NUMERIC, name);

/** @param type ONNX Runtime's word, `float32`. @returns undefined for types without a wire format, such as int4. */
export const datatypeOf = (type: string): Datatype | undefined =>
  type === 'string'
    ? 'BYTES'
    : Object.keys(NUMERIC)
        .filter(isNumeric)
        .find((name) => NUMERIC[name].onnx === type);

/** ONNX Runtime's word for a datatype: `FP32` is `float32`. */
export const onnxTypeOf = (datatype: Datatype) =>
  datatype === 'BYTES' ? 'string' : NUMERIC[datatype].onnx;

export const elementsOf = (shape: readonly number[]): number => {
  let count = 1;
  for (const size of shape) count *= size;
  return count;
};

/**
 * Little-endian, row-major, no padding; BYTES are a 4-byte length and UTF-8 each.
 * @returns undefined after a fault was added.
 */
export function dataFromBytes(
  datatype: Datatype,
  bytes: Buffer,
  count: number,
  path: string,
  faults: Faults,
): TensorData | undefined {
  if (datatype === 'BYTES') return stringsFromBytes(bytes, count, path, faults);
  const { Data, bytes: size } = NUMERIC[datatype];
  if (bytes.length !== count * size)
    return faults.add(
      path,
      `${count} elements of ${datatype} are ${count * size} bytes, binary_data_size says ${bytes.length}`,
    );
  // A copy: tensors in a body are not aligned to their element size.
  const aligned = new Uint8Array(bytes.length);
  aligned.set(bytes);
  if (datatype === 'BOOL') {
    const wrong = aligned.findIndex((value) => value > 1);
    if (wrong >= 0)
      return faults.add(`${path}[${wrong}]`, `expected byte 0 or 1, got ${aligned[wrong]}`);
  }
  return new Data(aligned.buffer);
}

function stringsFromBytes(
  bytes: Buffer,
  count: number,
  path: string,
  faults: Faults,
): string[] | undefined {
  const strings: string[] = [];
  let at = 0;
  while (strings.length < count) {
    const start = at + 4;
    const length = start <= bytes.length ? bytes.readUInt32LE(at) : 0;
    at = start + length;
    const where = `${path}[${strings.length}]`;
    if (at > bytes.length)
      return faults.add(where, 'the binary data ends within this element or its 4-byte length');
    if (length > LIMITS.stringElementBytes)
      return faults.add(where, `${length} bytes; at most ${LIMITS.stringElementBytes} are taken`);
    const element = bytes.subarray(start, at);
    if (!isUtf8(element)) return faults.add(where, 'not valid UTF-8');
    strings.push(element.toString('utf8'));
  }
  if (at !== bytes.length)
    return faults.add(path, `${bytes.length - at} bytes are left after ${count} elements`);
  return strings;
}

/** The inverse of `dataFromBytes`; a view where it can be one. */
export function dataToBytes(data: TensorData): Uint8Array {
  if (!Array.isArray(data)) return new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  const parts: Buffer[] = [];
  for (const text of data) {
    const element = Buffer.from(text, 'utf8');
    const length = Buffer.alloc(4);
    length.writeUInt32LE(element.length);
    parts.push(length, element);
  }
  return Buffer.concat(parts);
}
