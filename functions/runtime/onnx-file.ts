import protobuf from 'protobufjs/minimal.js';

/**
 * Reads the ONNX file format (onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as far as
 * an inspector needs. protobufjs' reader walks the bytes and builds nothing but the answer, so a hostile
 * file of a hundred million empty nodes costs time in proportion to its size and no memory; decoding by a
 * descriptor would make an object of each.
 */

const VARINT = 0;
const LENGTH = 2;

/** Element types as the Open Inference Protocol names them, by the number ONNX gives them. */
const ELEMENT_TYPES: Readonly<Record<number, string>> = {
  1: 'FP32',
  2: 'UINT8',
  3: 'INT8',
  4: 'UINT16',
  5: 'INT16',
  6: 'INT32',
  7: 'INT64',
  8: 'BYTES',
  9: 'BOOL',
  10: 'FP16',
  11: 'FP64',
  12: 'UINT32',
  13: 'UINT64',
  16: 'BF16',
};
export interface TensorDescription {
  readonly name: string;
  /** As the Open Inference Protocol names it (`FP32`, `BYTES`), else what it is, such as `sequence`. */
  readonly elementType: string;
  /** A text is a named free dimension, undefined an unnamed one; empty where the file states no shape. */
  readonly shape: readonly (number | string | undefined)[];
}

export interface ModelDescription {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  /** What a caller must feed: inputs that have no initializer. */
  readonly inputs: readonly TensorDescription[];
  readonly outputs: readonly TensorDescription[];
  /** Files that the model needs beside itself, each once. */
  readonly externalDataFiles: readonly string[];
  readonly metadata: Readonly<Record<string, string>>;
}

/** A graph may hold graphs (If, Loop); real models nest a few, a crafted file as many as fit. */
const DEEPEST_NESTING = 64;

/** Reads fields up to `end`; `visit` consumes a field and returns true, or leaves it to be skipped. */
function eachField(
  reader: protobuf.Reader,
  end: number,
  visit: (field: number, wire: number) => boolean,
): void {
  while (reader.pos < end) {
    const key = reader.uint32();
    if (key >>> 3 === 0) throw new Error('a field has number 0');
    if (!visit(key >>> 3, key & 7)) reader.skipType(key & 7);
  }
  if (reader.pos !== end) throw new Error('a field is longer than the message it is in');
}

function endOfNested(reader: protobuf.Reader, wire: number): number {
  if (wire !== LENGTH) throw new Error('a message is written as a number');
  const length = reader.uint32();
  if (length > reader.len - reader.pos) throw new Error('the file ends in the middle of a message');
  return reader.pos + length;
}

function readText(reader: protobuf.Reader, wire: number): string {
  if (wire !== LENGTH) throw new Error('a text is written as a number');
  return reader.string();
}

function readWhole(reader: protobuf.Reader, wire: number): number {
  if (wire !== VARINT) throw new Error('a number is written as something else');
  return Number(reader.int64());
}

function readPair(reader: protobuf.Reader, wire: number): { key: string; value: string } {
  const pair = { key: '', value: '' };
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    if (field === 1) pair.key = readText(reader, type);
    else if (field === 2) pair.value = readText(reader, type);
    else return false;
    return true;
  });
  return pair;
}

function readShape(reader: protobuf.Reader, wire: number): (number | string | undefined)[] {
  const shape: (number | string | undefined)[] = [];
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    if (field !== 1) return false;
    let size: number | string | undefined;
    eachField(reader, endOfNested(reader, type), (part, partType) => {
      if (part === 1) size = readWhole(reader, partType);
      else if (part === 2) size = readText(reader, partType) || undefined;
      else return false;
      return true;
    });
    shape.push(typeof size === 'number' && size < 0 ? undefined : size);
    return true;
  });
  return shape;
}

const OTHER_TYPES: Readonly<Record<number, string>> = {
  4: 'sequence',
  5: 'map',
  8: 'sparse tensor',
  9: 'optional',
};

function readTensorInfo(reader: protobuf.Reader, wire: number): TensorDescription {
  let description: TensorDescription = { name: '', elementType: 'unknown', shape: [] };
  const readTensorType = (type: number) =>
    eachField(reader, endOfNested(reader, type), (field, fieldType) => {
      if (field === 1) {
        const number = readWhole(reader, fieldType);
        const elementType = ELEMENT_TYPES[number] ?? `ONNX element type ${number}`;
        description = { ...description, elementType };
      } else if (field === 2) description = { ...description, shape: readShape(reader, fieldType) };
      else return false;
      return true;
    });
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    if (field === 1) description = { ...description, name: readText(reader, type) };
    else if (field === 2)
      eachField(reader, endOfNested(reader, type), (kind, kindType) => {
        const other = OTHER_TYPES[kind];
        if (other) description = { ...description, elementType: other };
        if (kind === 1) readTensorType(kindType);
        return kind === 1;
      });
    else return false;
    return true;
  });
  return description;
}

/** Which field of which message holds which message, as far as external data can hide in it. */
const NESTED_IN: Readonly<Record<string, Readonly<Record<number, string>>>> = {
  function: { 7: 'node', 11: 'attribute' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
};

interface Findings {
  readonly inputs: TensorDescription[];
  readonly outputs: TensorDescription[];
  readonly initialized: Set<string>;
  readonly files: Set<string>;
}

function readTensor(
  reader: protobuf.Reader,
  wire: number,
  found: Findings,
  isInitializer: boolean,
) {
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    if (field === 8 && isInitializer) found.initialized.add(readText(reader, type));
    else if (field === 13) {
      const { key, value } = readPair(reader, type);
      if (key === 'location') found.files.add(value);
    } else return false;
    return true;
  });
}

/** Walks a message for external data; of the outermost graph (depth 0) also the inputs and outputs. */
function walk(reader: protobuf.Reader, wire: number, message: string, found: Findings, depth = 0) {
  if (depth > DEEPEST_NESTING) throw new Error(`graphs are nested deeper than ${DEEPEST_NESTING}`);
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    const outermost = message === 'graph' && depth === 0;
    const inner = NESTED_IN[message]?.[field];
    if (inner === 'tensor') readTensor(reader, type, found, outermost);
    else if (inner) walk(reader, type, inner, found, depth + 1);
    else if (outermost && field === 11) found.inputs.push(readTensorInfo(reader, type));
    else if (outermost && field === 12) found.outputs.push(readTensorInfo(reader, type));
    else return false;
    return true;
  });
}

function readOpset(reader: protobuf.Reader, wire: number): { domain: string; version: number } {
  const opset = { domain: '', version: 0 };
  eachField(reader, endOfNested(reader, wire), (field, type) => {
    if (field === 1) opset.domain = readText(reader, type);
    else if (field === 2) opset.version = readWhole(reader, type);
    else return false;
    return true;
  });
  return opset;
}

function walkModel(reader: protobuf.Reader): ModelDescription {
  const found: Findings = {
    inputs: [],
    outputs: [],
    initialized: new Set(),
    files: new Set(),
  };
  const opsets: { domain: string; version: number }[] = [];
  const metadata: Record<string, string> = Object.create(null);
  let irVersion = 0;
  eachField(reader, reader.len, (field, wire) => {
    if (field === 1) irVersion = readWhole(reader, wire);
    else if (field === 7) walk(reader, wire, 'graph', found);
    else if (field === 8) opsets.push(readOpset(reader, wire));
    else if (field === 14) {
      const { key, value } = readPair(reader, wire);
      metadata[key] = value;
    } else if (field === 25) walk(reader, wire, 'function', found, 1);
    else return false;
    return true;
  });
  if (irVersion < 1) throw new Error('it states no ONNX IR version');
  if (found.outputs.length === 0) throw new Error('it holds no graph with outputs');
  if (opsets.length === 0) throw new Error('it names no operator set');
  return {
    irVersion,
    opsets,
    inputs: found.inputs.filter(({ name }) => !found.initialized.has(name)),
    outputs: found.outputs,
    externalDataFiles: [...found.files],
    metadata: { ...metadata },
  };
}

/**
 * What an ONNX file says of itself, read in one pass in memory that does not grow with the file.
 * @throws Error "not an ONNX model: …" with the reason, for bytes that are no whole ONNX model.
 */
export function readModel(bytes: Uint8Array): ModelDescription {
  if (bytes.length === 0) throw new Error('not an ONNX model: the file is empty');
  try {
    return walkModel(protobuf.Reader.create(bytes));
  } catch (cause) {
    const reason = cause instanceof Error ? cause.message : String(cause);
    throw new Error(`not an ONNX model: ${reason}`, { cause });
  }
}
