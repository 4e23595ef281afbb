import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { compileInferenceReader } from '../../functions/serve/inference-request.ts';
import { isReadOrRefused, refusalOf } from './refusal.ts';

const read = compileInferenceReader({
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [-1, 2] },
    { name: 'n', datatype: 'INT64', shape: [-1, 1] },
  ],
  outputs: [
    { name: 'o', datatype: 'FP32', shape: [-1, 1] },
    { name: 'label', datatype: 'INT64', shape: [-1] },
  ],
});
const request = {
  id: 'r-1',
  parameters: { unit: 'customer-7' },
  inputs: [
    { name: 'x', shape: [1, 2], datatype: 'FP32', data: [1, 2] },
    { name: 'n', shape: [1, 1], datatype: 'INT64', data: [5] },
  ],
  outputs: [{ name: 'o' }],
};
const readText = (text: string) => read(Buffer.from(text), {});
const readWith = (changes: object) => readText(JSON.stringify({ ...request, ...changes }));
const detailsWith = (changes: object) => refusalOf(() => readWith(changes)).details;

describe('a request', () => {
  test('is read whole', () => {
    expect(readWith({})).toEqual({
      id: 'r-1',
      unit: 'customer-7',
      parameters: { unit: 'customer-7' },
      inputs: [
        { name: 'x', datatype: 'FP32', shape: [1, 2], data: Float32Array.of(1, 2) },
        { name: 'n', datatype: 'INT64', shape: [1, 1], data: BigInt64Array.of(5n) },
      ],
      rows: 1,
      outputs: [{ name: 'o', isBinary: false }],
    });
  });

  test('64-bit integers are exact', () => {
    const { inputs } = readText(
      JSON.stringify(request).replace('"data":[5]', '"data":[9007199254740993]'),
    );
    expect(inputs[1]?.data).toEqual(BigInt64Array.of(9007199254740993n));
  });

  test('64-bit integers that JSON could only approximate are refused', () => {
    const text = JSON.stringify(request).replace('"data":[5]', '"data":[9007199254740993.0]');
    expect(refusalOf(() => readText(text)).details).toEqual([
      'inputs[1].data[0]: expected an integer from -9223372036854775808 to 9223372036854775807 in plain digits, got 9007199254740992',
    ]);
  });

  test('unknown top-level fields, null for absent ones and an own __proto__ are ignored', () => {
    const text = JSON.stringify({ ...request, id: null, parameters: null, model_name: 'm' });
    const ignoring = readText(text.replace('{', '{"__proto__":{"polluted":true},"constructor":1,'));
    expect({ id: ignoring.id, unit: ignoring.unit, parameters: ignoring.parameters }).toEqual({
      id: undefined,
      unit: undefined,
      parameters: {},
    });
    expect(Object.keys(Object.prototype)).toEqual([]);
  });

  test.each(['', 'a"\\\u2028é', '0'.repeat(128)])('the id %j comes back as it is', (id) => {
    expect(readWith({ id }).id).toBe(id);
  });
});

describe('outputs', () => {
  const every = (isBinary: boolean) => ['o', 'label'].map((name) => ({ name, isBinary }));

  test.each([
    [{ outputs: undefined }, every(false)],
    [{ outputs: [] }, every(false)],
    [{ outputs: null, parameters: { binary_data_output: true } }, every(true)],
    [
      {
        outputs: [{ name: 'label' }, { name: 'o', parameters: { binary_data: false } }],
        parameters: { binary_data_output: true },
      },
      [
        { name: 'label', isBinary: true },
        { name: 'o', isBinary: false },
      ],
    ],
  ])('%j', (changes, outputs) => {
    expect(readWith(changes).outputs).toEqual(outputs);
  });

  test.each([
    [{ outputs: {} }, ['outputs: expected a list, got an object']],
    [{ outputs: ['o'] }, ['outputs[0]: expected an object, got text']],
    [{ outputs: [{ name: 'p' }] }, ['outputs[0].name: the model has no "p"; it has o, label']],
    [{ outputs: [{ name: 'o' }, { name: 'o' }] }, ['outputs[1].name: "o" is asked for twice']],
    [
      { outputs: [{ name: 'o', parameters: { binary_data: 'yes' } }] },
      ['outputs[0].parameters.binary_data: expected true or false, got text'],
    ],
    [
      { outputs: [{ name: 'o', parameters: { classification: 3 } }] },
      ['outputs[0].parameters: classification is not supported; take the tensor as data or binary'],
    ],
    [
      { parameters: { binary_data_output: 1 } },
      ['parameters.binary_data_output: expected true or false, got 1'],
    ],
  ])('%j is refused', (changes, details) => {
    expect(detailsWith(changes)).toEqual(details);
  });

  test('FP16 is taken as binary only', () => {
    const readHalf = compileInferenceReader({
      inputs: [],
      outputs: [{ name: 'h', datatype: 'FP16', shape: [-1] }],
    });
    const asking = (isBinary: boolean) => () =>
      readHalf(Buffer.from(`{"inputs":[],"parameters":{"binary_data_output":${isBinary}}}`), {});
    expect(asking(true)().outputs).toEqual([{ name: 'h', isBinary: true }]);
    expect(refusalOf(asking(false)).details).toEqual([
      'outputs: "h" is FP16, which has no JSON form: ask for binary_data',
    ]);
  });
});

/** As JSON.parse makes it: `__proto__` is an own key. */
const polluting: unknown = JSON.parse('{"__proto__":1,"constructor":2}');

describe('faulty fields', () => {
  test.each([
    [{ id: 7 }, ['id: expected text, got 7']],
    [{ id: 'x'.repeat(129) }, ['id: expected 0 to 128 characters, got 129']],
    [{ parameters: [] }, ['parameters: expected an object, got a list']],
    [{ parameters: { unit: 7 } }, ['parameters.unit: expected text, got 7']],
    [{ parameters: { unit: '' } }, ['parameters.unit: expected 1 to 256 characters, got 0']],
    [
      { parameters: { unit: 'x'.repeat(257) } },
      ['parameters.unit: expected 1 to 256 characters, got 257'],
    ],
    [
      { parameters: { nested: {} } },
      ['parameters: "nested": expected text, a number, true or false, got an object'],
    ],
    [
      { parameters: polluting },
      [
        'parameters: "__proto__" cannot be a parameter',
        'parameters: "constructor" cannot be a parameter',
      ],
    ],
  ])('%j is refused', (changes, details) => {
    expect(detailsWith(changes)).toEqual(details);
  });

  test.each(['[]', '"text"', '5', 'null', 'true'])('a body of %s is refused', (text) => {
    expect(refusalOf(() => readText(text)).error).toMatch(/^expected a JSON object, got /);
  });

  test('every fault of a request is named at once', () => {
    expect(detailsWith({ id: 7, inputs: [], outputs: [{ name: 'p' }] })).toEqual([
      'id: expected text, got 7',
      'inputs: "x" is missing; the model takes x, n',
      'inputs: "n" is missing; the model takes x, n',
      'outputs[0].name: the model has no "p"; it has o, label',
    ]);
  });
});

describe('Inference-Header-Content-Length', () => {
  const json = JSON.stringify(request);
  const body = Buffer.concat([Buffer.from(json), Buffer.of(0xff, 0, 0x7b, 0x22)]);
  const errorWith = (header: string | undefined) =>
    refusalOf(() => read(body, { 'inference-header-content-length': header })).error;
  const hint = `the JSON ends after ${json.length} bytes: with binary data behind it send the header Inference-Header-Content-Length: ${json.length}`;

  test.each([undefined, '0', '-1', 'abc', '1e2', '99999', '7', String(body.length)])(
    '%s is refused with the value that would fit',
    (header) => {
      expect(errorWith(header)).toContain(hint);
    },
  );

  test('the value that fits leads to the next fault', () => {
    expect(errorWith(String(json.length))).toMatch(/^body: 4 bytes are left/);
  });

  test('plain JSON that is broken gets no hint', () => {
    expect(refusalOf(() => readText('{"inputs":[{"a":"}')).error).not.toContain('header');
  });
});

/** A path into a JSON value, by which a mutation picks the place it changes. */
function replaceAt(value: unknown, picks: readonly number[], replacement: unknown): unknown {
  const [pick, ...rest] = picks;
  if (pick === undefined || typeof value !== 'object' || value === null) return replacement;
  const entries = Object.entries(value);
  const at = pick % (entries.length + 1);
  const changed = entries.map(([key, old], index) => [
    key,
    index === at ? replaceAt(old, rest, replacement) : old,
  ]);
  return Array.isArray(value)
    ? changed.map(([, each]) => each)
    : Object.fromEntries(
        at === entries.length ? [...changed, ['__proto__', replacement]] : changed,
      );
}

describe('whatever is sent is read or refused, and changes no prototype', () => {
  const isHarmless = (bytes: Uint8Array, header?: string): boolean => {
    isReadOrRefused(() => read(Buffer.from(bytes), { 'inference-header-content-length': header }));
    return Object.keys(Object.prototype).length === 0;
  };

  test('arbitrary bytes', () => {
    fc.assert(
      fc.property(
        fc.uint8Array(),
        fc.option(fc.nat().map(String), { nil: undefined }),
        (bytes, header) => {
          expect(isHarmless(bytes, header)).toBe(true);
        },
      ),
      { numRuns: 2000 },
    );
  });

  test('arbitrary JSON', () => {
    fc.assert(
      fc.property(fc.json(), (text) => {
        expect(isHarmless(Buffer.from(text))).toBe(true);
      }),
      { numRuns: 1000 },
    );
  });

  test('requests with one value replaced', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 5 }), fc.jsonValue(), (picks, replacement) => {
        const text = JSON.stringify(replaceAt(request, picks, replacement));
        expect(isHarmless(Buffer.from(text))).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });

  test('binary requests with bytes replaced, removed or added', () => {
    const head =
      '{"inputs":[{"name":"x","shape":[1,2],"datatype":"FP32","parameters":{"binary_data_size":8}},{"name":"n","shape":[1,1],"datatype":"INT64","parameters":{"binary_data_size":8}}]}';
    const header = String(head.length);
    const body = [...Buffer.from(head), ...Buffer.alloc(16)];
    const mutation = fc.tuple(fc.nat(body.length), fc.nat(3), fc.uint8Array({ maxLength: 3 }));
    fc.assert(
      fc.property(mutation, ([at, removed, added]) => {
        const mutated = Uint8Array.from(body.toSpliced(at, removed, ...added));
        expect(isHarmless(mutated, header)).toBe(true);
      }),
      { numRuns: 2000 },
    );
  });
});
