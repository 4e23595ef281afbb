import protobuf from 'protobufjs/minimal.js';

/**
 * The ONNX file format (onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto): written in
 * full for what the trainer exports, read only as far as an inspector needs. protobufjs' reader and writer
 * are used without a descriptor: reading then walks the bytes and builds nothing but the answer, so a
 * hostile file of a hundred million empty nodes costs time in proportion to its size and no memory. The
 * npm packages with ONNX descriptors (onnx-proto, onnxjs) are years behind the format.
 */

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
const ELEMENT_NUMBER = { FP32: 1, INT64: 7, BYTES: 8, FP64: 11 } as const;

export interface Tensor {
  /** Rows first; an empty list is a scalar. */
  readonly shape: readonly number[];
  readonly data: Float32Array | Float64Array | BigInt64Array;
}

export type Attribute =
  | { readonly float: number }
  | { readonly int: number }
  | { readonly string: string }
  | { readonly tensor: Tensor }
  | { readonly floats: ArrayLike<number> }
  | { readonly ints: ArrayLike<number> }
  | { readonly strings: readonly string[] };

export interface Node {
  readonly op: string;
  /** Empty for ai.onnx. */
  readonly domain?: string;
  readonly inputs: readonly string[];
  readonly outputs: readonly string[];
  readonly attributes?: Readonly<Record<string, Attribute>>;
}

export interface TensorInfo {
  readonly name: string;
  readonly elementType: keyof typeof ELEMENT_NUMBER;
  /** A text names a dimension that the caller chooses. */
  readonly shape: readonly (number | string)[];
}

export interface OnnxModel {
  readonly irVersion: number;
  readonly opsets: readonly { readonly domain: string; readonly version: number }[];
  readonly producer: { readonly name: string; readonly version: string };
  readonly graph: {
    readonly name: string;
    readonly nodes: readonly Node[];
    readonly initializers: Readonly<Record<string, Tensor>>;
    readonly inputs: readonly TensorInfo[];
    readonly outputs: readonly TensorInfo[];
  };
  readonly metadata: Readonly<Record<string, string>>;
}

type Writer = protobuf.Writer;
const VARINT = 0;
const LENGTH = 2;
const FIXED32 = 5;
const tag = (field: number, wire: number): number => (field << 3) | wire;

/** Writes a nested message, or packed values, as field `field`. */
function nested(writer: Writer, field: number, write: (writer: Writer) => void): void {
  writer.uint32(tag(field, LENGTH)).fork();
  write(writer);
  writer.ldelim();
}

const text = (writer: Writer, field: number, value: string): void =>
  void writer.uint32(tag(field, LENGTH)).string(value);
const whole = (writer: Writer, field: number, value: number): void =>
  void writer.uint32(tag(field, VARINT)).int64(value);

/** Raw data is little-endian by the format, as are typed arrays on every platform Node runs on here. */
function writeTensor(writer: Writer, tensor: Tensor, name?: string): void {
  const { shape, data } = tensor;
  for (const size of shape) whole(writer, 1, size);
  const kind =
    data instanceof Float32Array ? 'FP32' : data instanceof Float64Array ? 'FP64' : 'INT64';
  whole(writer, 2, ELEMENT_NUMBER[kind]);
  if (name !== undefined) text(writer, 8, name);
  writer
    .uint32(tag(9, LENGTH))
    .bytes(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
}

/** Fields and type numbers of AttributeProto. */
function writeAttribute(writer: Writer, name: string, value: Attribute): void {
  text(writer, 1, name);
  if ('float' in value) {
    writer.uint32(tag(2, FIXED32)).float(value.float);
    whole(writer, 20, 1);
  } else if ('int' in value) {
    whole(writer, 3, value.int);
    whole(writer, 20, 2);
  } else if ('string' in value) {
    text(writer, 4, value.string);
    whole(writer, 20, 3);
  } else if ('tensor' in value) {
    nested(writer, 5, (inner) => writeTensor(inner, value.tensor, name));
    whole(writer, 20, 4);
  } else if ('floats' in value) {
    nested(writer, 7, (inner) => {
      for (let at = 0; at < value.floats.length; at++) inner.float(value.floats[at] ?? 0);
    });
    whole(writer, 20, 6);
  } else if ('ints' in value) {
    nested(writer, 8, (inner) => {
      for (let at = 0; at < value.ints.length; at++) inner.int64(value.ints[at] ?? 0);
    });
    whole(writer, 20, 7);
  } else {
    for (const each of value.strings) text(writer, 9, each);
    whole(writer, 20, 8);
  }
}

function writeNode(writer: Writer, node: Node): void {
  for (const input of node.inputs) text(writer, 1, input);
  for (const output of node.outputs) text(writer, 2, output);
  text(writer, 4, node.op);
  for (const [name, value] of Object.entries(node.attributes ?? {}))
    nested(writer, 5, (inner) => writeAttribute(inner, name, value));
  if (node.domain) text(writer, 7, node.domain);
}

function writeTensorInfo(writer: Writer, info: TensorInfo): void {
  text(writer, 1, info.name);
  nested(writer, 2, (type) =>
    nested(type, 1, (tensorType) => {
      whole(tensorType, 1, ELEMENT_NUMBER[info.elementType]);
      nested(tensorType, 2, (shape) => {
        for (const size of info.shape)
          nested(shape, 1, (dimension) =>
            typeof size === 'number' ? whole(dimension, 1, size) : text(dimension, 2, size),
          );
      });
    }),
  );
}

function writeGraph(writer: Writer, graph: OnnxModel['graph']): void {
  for (const node of graph.nodes) nested(writer, 1, (inner) => writeNode(inner, node));
  text(writer, 2, graph.name);
  for (const [name, tensor] of Object.entries(graph.initializers))
    nested(writer, 5, (inner) => writeTensor(inner, tensor, name));
  for (const input of graph.inputs) nested(writer, 11, (inner) => writeTensorInfo(inner, input));
  for (const output of graph.outputs) nested(writer, 12, (inner) => writeTensorInfo(inner, output));
}

/** @returns the bytes of a self-contained .onnx file; the same model always gives the same bytes. */
export function encodeModel(model: OnnxModel): Uint8Array {
  const writer = protobuf.Writer.create();
  whole(writer, 1, model.irVersion);
  text(writer, 2, model.producer.name);
  text(writer, 3, model.producer.version);
  nested(writer, 7, (graph) => writeGraph(graph, model.graph));
  for (const { domain, version } of model.opsets)
    nested(writer, 8, (opset) => {
      text(opset, 1, domain);
      whole(opset, 2, version);
    });
  for (const [key, value] of Object.entries(model.metadata))
    nested(writer, 14, (entry) => {
      text(entry, 1, key);
      text(entry, 2, value);
    });
  return writer.finish();
}

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
