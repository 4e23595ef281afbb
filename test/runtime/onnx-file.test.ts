import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { encodeModel, type OnnxModel } from '../../functions/runtime/onnx-encoder.ts';
import { readModel } from '../../functions/runtime/onnx-file.ts';

const model: OnnxModel = {
  irVersion: 8,
  opsets: [{ domain: '', version: 17 }],
  producer: { name: 'test', version: '1' },
  metadata: { model: 'm', __proto__safe: 'yes' },
  graph: {
    name: 'sum',
    inputs: [
      { name: 'a', elementType: 'FP32', shape: ['rows', 2] },
      { name: 'w', elementType: 'FP32', shape: [2] },
    ],
    outputs: [{ name: 'b', elementType: 'FP32', shape: ['rows', 2] }],
    initializers: { w: { shape: [2], data: Float32Array.of(1, 2) } },
    nodes: [{ op: 'Add', inputs: ['a', 'w'], outputs: ['b'] }],
  },
};
const bytes = encodeModel(model);

/** A length-delimited protobuf field of up to 127 bytes. */
const field = (number: number, content: readonly number[]): number[] => [
  number * 8 + 2,
  content.length,
  ...content,
];
const text = (value: string): number[] => [...new TextEncoder().encode(value)];

it('reads back what it wrote, without the inputs that the file itself fills', () => {
  expect(readModel(bytes)).toEqual({
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    inputs: [{ name: 'a', elementType: 'FP32', shape: ['rows', 2] }],
    outputs: [{ name: 'b', elementType: 'FP32', shape: ['rows', 2] }],
    externalDataFiles: [],
    metadata: { model: 'm', __proto__safe: 'yes' },
  });
});

it('finds external data wherever a tensor can hide', () => {
  const entry = field(13, [...field(1, text('location')), ...field(2, text('../weights.bin'))]);
  const attribute = field(5, [...field(1, text('value')), ...field(5, entry)]);
  const graph = field(7, [...field(1, attribute), ...field(12, field(1, text('out')))]);
  const file = [8, 8, ...graph, ...field(8, [16, 17])];
  expect(readModel(Uint8Array.from(file)).externalDataFiles).toEqual(['../weights.bin']);
});

it('names free dimensions and values that are no tensors', () => {
  const shape = field(2, [...field(1, []), ...field(1, [8, 3])]);
  const tensor = field(2, field(1, [8, 7, ...shape]));
  const sequence = field(2, field(4, []));
  const outputs = [
    ...field(12, [...field(1, text('t')), ...tensor]),
    ...field(12, [...field(1, text('s')), ...sequence]),
  ];
  const file = [8, 8, ...field(7, outputs), ...field(8, [16, 17])];
  expect(readModel(Uint8Array.from(file)).outputs).toEqual([
    { name: 't', elementType: 'INT64', shape: [undefined, 3] },
    { name: 's', elementType: 'sequence', shape: [] },
  ]);
});

describe('bytes that are no model', () => {
  it.each([
    ['nothing', ''],
    ['text', 'hello, I am a model'],
    ['JSON', '{"graph": {"node": []}}'],
    ['a zip', 'PK\u0003\u0004\u0014\u0000\u0008\u0008'],
    ['HTML', '<!doctype html><html></html>'],
  ])('%s', (_, content) => {
    expect(() => readModel(new TextEncoder().encode(content))).toThrow(/^not an ONNX model: /);
  });

  it('any cut of a model before its operator sets', () => {
    for (let length = 0; length < bytes.length - 40; length++)
      expect(() => readModel(bytes.subarray(0, length))).toThrow(/^not an ONNX model: /);
  });

  it('a length that reaches beyond the file', () => {
    const hostile = Uint8Array.of(8, 8, 0x3a, 0xff, 0xff, 0xff, 0xff, 0x07, 1);
    expect(() => readModel(hostile)).toThrow('not an ONNX model: the file ends');
  });

  it('graphs nested without end', () => {
    let inner: Uint8Array = new Uint8Array(0);
    const wrap = (number: number, content: Uint8Array): Uint8Array => {
      const length = content.length;
      const size = [(length & 0x7f) | 0x80, ((length >> 7) & 0x7f) | 0x80, (length >> 14) & 0x7f];
      const whole = new Uint8Array(content.length + 4);
      whole.set([number * 8 + 2, ...size]);
      whole.set(content, 4);
      return whole;
    };
    for (let depth = 0; depth < 3000; depth++) inner = wrap(1, wrap(5, wrap(6, inner)));
    expect(() => readModel(wrap(7, inner))).toThrow('nested deeper than');
  });

  it('many megabytes of empty nodes cost no memory worth mention', () => {
    const graph = new Uint8Array(8_000_000);
    for (let at = 0; at < graph.length; at += 2) graph[at] = 0x0a;
    const head = [8, 8, 0x3a, 0x80, 0xa4, 0xe8, 0x03];
    const hostile = new Uint8Array(head.length + graph.length);
    hostile.set(head);
    hostile.set(graph, head.length);
    const before = process.memoryUsage().heapUsed;
    expect(() => readModel(hostile)).toThrow('it holds no graph with outputs');
    expect(process.memoryUsage().heapUsed - before).toBeLessThan(50e6);
  });

  it('random bytes and damaged models either read or say why not', () => {
    const complaint = (candidate: Uint8Array): string => {
      try {
        readModel(candidate);
        return 'Error: not an ONNX model: (it read)';
      } catch (error) {
        return String(error);
      }
    };
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.nat(bytes.length - 1), (noise, at) => {
        const damaged = bytes.slice();
        damaged.set(noise.subarray(0, damaged.length - at), at);
        expect(complaint(noise)).toMatch(/^Error: not an ONNX model: ./);
        expect(complaint(damaged)).toMatch(/^Error: not an ONNX model: ./);
      }),
      { numRuns: 300 },
    );
  });
});
