import protobuf from 'protobufjs/minimal.js';

/**
 * Writes the ONNX file format (onnx.proto, https://github.com/onnx/onnx/blob/main/onnx/onnx.proto) as far as
 * the trainer exports it. protobufjs' writer is used without a descriptor: for eleven messages the field
 * numbers beside their values are shorter than a descriptor, and the bundle keeps only the writer. The npm
 * packages with ONNX descriptors (onnx-proto, onnxjs) are years behind the format.
 */

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
