import { describe, expect, test } from 'vitest';
import {
  compileInferenceReader,
  type InferenceRequest,
} from '../../functions/serve/inference-request.ts';
import type { TensorDescription } from '../../functions/serve/tensor.ts';
import captured from '../cases/oip-captures.json' with { type: 'json' };

interface Capture {
  readonly name: string;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bodyBase64?: string;
}
const captures: readonly Capture[] = captured;

const outputs: TensorDescription[] = [{ name: 'o', datatype: 'FP32', shape: [-1, 1] }];
const models: Record<'numbers' | 'texts' | 'vector', TensorDescription> = {
  numbers: { name: 'x', datatype: 'FP32', shape: [-1, 3] },
  texts: { name: 'cat', datatype: 'BYTES', shape: [-1, 1] },
  vector: { name: 'x', datatype: 'FP32', shape: [-1] },
};

function read(
  { headers, bodyBase64 = '' }: Capture,
  input: TensorDescription = models.numbers,
): InferenceRequest {
  const lowerCase = Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]),
  );
  return compileInferenceReader({ inputs: [input], outputs })(
    Buffer.from(bodyBase64, 'base64'),
    lowerCase,
  );
}

const named = (name: string): Capture => {
  const capture = captures.find((each) => each.name === name);
  if (!capture) throw new Error(`there is no capture "${name}"`);
  return capture;
};

const binaryOutput = [{ name: 'o', isBinary: true }];
const jsonOutput = [{ name: 'o', isBinary: false }];
const sixNumbers = {
  name: 'x',
  datatype: 'FP32',
  shape: [2, 3],
  data: Float32Array.of(1, 2, 3, 4, 5, 6),
};
const withNaN = { ...sixNumbers, data: Float32Array.of(Number.NaN, 2, 3, 4, 5, 6) };
const plain = { id: undefined, unit: undefined, parameters: {}, rows: 2 };
const asBinary = { ...plain, parameters: { binary_data_output: true }, outputs: binaryOutput };

describe('what tritonclient sends', () => {
  test.each([
    ['t infer default (binary in, no outputs)', { ...asBinary, inputs: [sixNumbers] }],
    [
      't infer binary in, default requested output',
      { ...plain, id: '42', inputs: [sixNumbers], outputs: binaryOutput },
    ],
    ['t infer json/json', { ...plain, id: '42', inputs: [sixNumbers], outputs: jsonOutput }],
    ['t infer json in, binary out', { ...asBinary, inputs: [sixNumbers] }],
    ['t NaN json', { ...plain, inputs: [withNaN], outputs: jsonOutput }],
    ['t gzip req', { ...asBinary, inputs: [sixNumbers] }],
    ['t err missing', { ...asBinary, inputs: [withNaN] }],
    ['t err apigw', { ...asBinary, inputs: [withNaN] }],
    [
      't quoted name+params',
      {
        ...asBinary,
        parameters: { priority: 1, timeout: 1000, binary_data_output: true, tenant: 'x' },
        inputs: [sixNumbers],
      },
    ],
  ])('%s', (name, expected) => {
    expect(read(named(name))).toEqual(expected);
  });

  test.each(['t BYTES binary', 't BYTES json'])('%s', (name) => {
    expect(read(named(name), models.texts)).toEqual({
      ...asBinary,
      inputs: [{ name: 'cat', datatype: 'BYTES', shape: [2, 1], data: ['ab', 'é'] }],
    });
  });

  test('the synchronous client sends the same bytes without Content-Type and Accept', () => {
    const { headers, ...capture } = named('t infer default (binary in, no outputs)');
    const length = headers['Inference-Header-Content-Length'];
    expect(read({ ...capture, headers: { 'Inference-Header-Content-Length': length } })).toEqual({
      ...asBinary,
      inputs: [sixNumbers],
    });
  });
});

describe('what the KServe client sends', () => {
  test.each([
    [
      'k infer binary',
      {
        ...plain,
        id: 'd90a9f7b-1fb4-4136-9a03-865aa6744de7',
        inputs: [sixNumbers],
        outputs: jsonOutput,
      },
    ],
    [
      'k infer json',
      {
        ...plain,
        id: '42',
        parameters: { p: 1 },
        inputs: [sixNumbers],
        outputs: binaryOutput,
      },
    ],
    [
      'k infer json in binary out',
      {
        ...plain,
        id: 'aabc68f3-3075-4b25-9d1a-dcfbb69a1481',
        inputs: [sixNumbers],
        outputs: jsonOutput,
      },
    ],
    [
      'k NaN',
      {
        ...plain,
        id: '7156d5ce-b005-4ea2-8f5f-f5fffd34dcf1',
        inputs: [withNaN],
        outputs: jsonOutput,
      },
    ],
  ])('%s', (name, expected) => {
    expect(read(named(name))).toEqual(expected);
  });

  test('k infer dict', () => {
    expect(read(named('k infer dict'), models.vector)).toEqual({
      ...plain,
      rows: 1,
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1], data: Float32Array.of(1) }],
      outputs: jsonOutput,
    });
  });
});

test('every captured inference is read', () => {
  const bodies = captures.filter(({ bodyBase64 }) => bodyBase64 !== undefined);
  const inputOf = ({ name }: Capture) => {
    if (name.startsWith('t BYTES')) return models.texts;
    return name === 'k infer dict' ? models.vector : models.numbers;
  };
  expect(bodies.map((capture) => read(capture, inputOf(capture)).inputs.length)).toEqual(
    bodies.map(() => 1),
  );
});
