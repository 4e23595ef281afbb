import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { compileInferenceReader } from '../../functions/serve/inference-request.ts';
import { refusalOf } from './refusal.ts';

const read = compileInferenceReader({
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'c', datatype: 'BYTES', shape: [-1, 1] },
  ],
  outputs: [{ name: 'o', datatype: 'FP32', shape: [-1, 1] }],
});
const x = { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] };
const c = { name: 'c', shape: [1, 1], datatype: 'BYTES', data: ['a'] };
const raw = (size: unknown) => ({ ...x, data: undefined, parameters: { binary_data_size: size } });

/** The JSON, then bytes, with the header that says where the JSON ends. */
const readBinary = (request: object, bytes: Uint8Array) => {
  const json = Buffer.from(JSON.stringify(request));
  return read(Buffer.concat([json, bytes]), {
    'inference-header-content-length': String(json.length),
  });
};
const detailsOf = (inputs: unknown) =>
  refusalOf(() => read(Buffer.from(JSON.stringify({ inputs })), {})).details;

describe('inputs of a model', () => {
  test('are taken in any order', () => {
    const { inputs, rows } = read(Buffer.from(JSON.stringify({ inputs: [c, x] })), {});
    expect(rows).toBe(1);
    expect(inputs).toEqual([
      { name: 'c', datatype: 'BYTES', shape: [1, 1], data: ['a'] },
      { name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) },
    ]);
  });

  test('mix JSON and binary data', () => {
    const { inputs } = readBinary(
      { inputs: [c, raw(8)] },
      new Uint8Array(Float32Array.of(1.5, -2).buffer),
    );
    expect(inputs.map(({ data }) => data)).toEqual([['a'], Float32Array.of(1.5, -2)]);
  });

  test('several binary inputs follow in the order of the JSON', () => {
    const text = { ...c, data: undefined, parameters: { binary_data_size: 5 } };
    const floats = new Uint8Array(Float32Array.of(3, 4).buffer);
    const { inputs } = readBinary(
      { inputs: [text, raw(8)] },
      Buffer.concat([Buffer.of(1, 0, 0, 0, 98), floats]),
    );
    expect(inputs.map(({ data }) => data)).toEqual([['b'], Float32Array.of(3, 4)]);
  });
});

describe('faulty lists of inputs', () => {
  test.each([
    [undefined, ['inputs: expected a list of the tensors x, c, got nothing']],
    [{}, ['inputs: expected a list of the tensors x, c, got an object']],
    [
      [],
      [
        'inputs: "x" is missing; the model takes x, c',
        'inputs: "c" is missing; the model takes x, c',
      ],
    ],
    [[x], ['inputs: "c" is missing; the model takes x, c']],
    [[x, c, x], ['inputs[2].name: "x" is given twice']],
    [[x, c, { ...c, name: 'd' }], ['inputs[2].name: the model has no "d"; it has x, c']],
    [[x, c, null], ['inputs[2]: expected an object, got null']],
    [
      [{ ...x, name: '__proto__' }, c],
      [
        'inputs[0].name: the model has no "__proto__"; it has x, c',
        'inputs: "x" is missing; the model takes x, c',
      ],
    ],
  ])('%j is refused', (inputs, details) => {
    expect(detailsOf(inputs)).toEqual(details);
  });
});

describe('a faulty input', () => {
  test.each([
    [{ ...x, datatype: 'FP64' }, ['inputs[0].datatype: expected FP32, got "FP64"']],
    [{ ...x, datatype: undefined }, ['inputs[0].datatype: expected FP32, got nothing']],
    [{ ...x, shape: undefined }, ['inputs[0].shape: expected a list like [-1, 2], got nothing']],
    [{ ...x, shape: [2] }, ['inputs[0].shape: expected 2 dimensions, [-1, 2], got 1']],
    [{ ...x, shape: [1, 3] }, ['inputs[0].shape[1]: expected 2, got 3']],
    [{ ...x, shape: [-1, 2] }, ['inputs[0].shape[0]: expected an integer from 1, got -1']],
    [{ ...x, shape: [0, 2], data: [] }, ['inputs[0].shape[0]: expected an integer from 1, got 0']],
    [{ ...x, shape: [1.5, 2] }, ['inputs[0].shape[0]: expected an integer from 1, got 1.5']],
    [{ ...x, shape: ['1', 2] }, ['inputs[0].shape[0]: expected an integer from 1, got text']],
    [{ ...x, shape: [1e300, 2] }, ['inputs[0].shape[0]: expected an integer from 1, got 1e+300']],
    [
      { ...x, shape: [10_001, 2] },
      ['inputs[0].shape[0]: 10001 rows; at most 10000 are taken: split the request'],
    ],
    [{ ...x, data: [1, null, 3] }, ['inputs[0].data: the shape means 2 values, got more']],
    [{ ...x, data: [1, 'b'] }, ['inputs[0].data[1]: expected a number, got text']],
    [{ ...x, data: undefined }, ['inputs[0]: give either data or parameters.binary_data_size']],
    [
      { ...x, parameters: { binary_data_size: 8 } },
      ['inputs[0]: give either data or parameters.binary_data_size'],
    ],
    [
      { ...raw(8), parameters: { shared_memory_region: 'r', shared_memory_byte_size: 8 } },
      ['inputs[0].parameters: shared memory is not supported; send data or binary_data_size'],
    ],
    [
      raw(8),
      [
        'inputs[0].parameters.binary_data_size: 8 bytes announced, 0 are left in the body; check Inference-Header-Content-Length',
      ],
    ],
    [raw(-1), ['inputs[0].parameters.binary_data_size: expected bytes, got -1']],
    [raw('8'), ['inputs[0].parameters.binary_data_size: expected bytes, got text']],
    [{ ...x, parameters: 'fast' }, ['inputs[0].parameters: expected an object, got text']],
  ])('%j is refused', (input, details) => {
    expect(detailsOf([input, c])).toEqual(details);
  });

  test('inputs with different numbers of rows are refused', () => {
    expect(detailsOf([x, { ...c, shape: [2, 1], data: ['a', 'b'] }])).toEqual([
      'inputs[1].shape[0]: 2 rows, but 1 in an input before',
    ]);
  });

  test('a product of dimensions over the limit is refused before anything is allocated', () => {
    const readWide = compileInferenceReader({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, -1] }],
      outputs: [],
    });
    const wide = { ...x, shape: [10_000, Number.MAX_SAFE_INTEGER] };
    expect(
      refusalOf(() => readWide(Buffer.from(JSON.stringify({ inputs: [wide] })), {})).details,
    ).toEqual([
      `inputs[0].shape: more than ${LIMITS.elementsPerTensor} elements: split the request`,
    ]);
  });
});

describe('faulty binary data', () => {
  test.each([
    [7, 'inputs[0]: 2 elements of FP32 are 8 bytes, binary_data_size says 7'],
    [
      9,
      'inputs[0].parameters.binary_data_size: 9 bytes announced, 8 are left in the body; check Inference-Header-Content-Length',
    ],
  ])('a size of %i instead of 8 is refused', (size, detail) => {
    expect(
      refusalOf(() => readBinary({ inputs: [raw(size), c] }, Buffer.alloc(8))).details[0],
    ).toBe(detail);
  });

  test('bytes left over are refused', () => {
    expect(refusalOf(() => readBinary({ inputs: [raw(8), c] }, Buffer.alloc(9))).details).toEqual([
      "body: 1 bytes are left after the inputs' binary data; check binary_data_size and Inference-Header-Content-Length",
    ]);
  });
});
