import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { Faults } from '../../functions/serve/fault.ts';
import { parseJson } from '../../functions/serve/request-body.ts';
import type { Datatype, TensorData } from '../../functions/serve/tensor.ts';
import { dataFromJson, dataToJson } from '../../functions/serve/tensor-values.ts';
import { refusalOf } from './refusal.ts';
import { DATATYPES, ELEMENTS } from './tensor-data.ts';

/** What JSON can carry: no FP16. */
const JSON_DATATYPES = DATATYPES.filter((datatype) => datatype !== 'FP16');

const read = (datatype: Datatype, data: unknown, count: number) => {
  const faults = new Faults();
  const elements = dataFromJson(datatype, data, count, 'inputs[0].data', faults);
  faults.settle();
  return elements;
};

/** JSON has neither: infinities come back as NaN, and -0 as 0. */
const throughJson = (data: TensorData): TensorData =>
  data instanceof Float32Array || data instanceof Float64Array
    ? data.map((number) => (Number.isFinite(number) ? number + 0 : Number.NaN))
    : data;

/** Cuts a flat list into nested ones at arbitrary places, which keeps the order of the leaves. */
const nest = (list: readonly unknown[], cuts: readonly number[]): unknown[] =>
  cuts.reduce<unknown[]>(
    (nested, cut) => [
      ...nested.slice(0, cut % (nested.length + 1)),
      nested.slice(cut % (nested.length + 1)),
    ],
    [...list],
  );

describe('tensors in JSON', () => {
  test.each(JSON_DATATYPES)('%s survive writing and reading', (datatype) => {
    fc.assert(
      fc.property(ELEMENTS[datatype], (data) => {
        const text = dataToJson({ name: 'x', datatype, shape: [data.length], data });
        const parsed = parseJson(Buffer.from(text), { bareNaN: 'null', hasExactIntegers: true });
        expect(read(datatype, parsed, data.length)).toEqual(throughJson(data));
      }),
      { numRuns: 1000 },
    );
  });

  test('nested lists are read like flat ones', () => {
    fc.assert(
      fc.property(
        fc.array(fc.float(), { minLength: 1, maxLength: 30 }),
        fc.array(fc.nat(), { maxLength: LIMITS.tensorRank - 1 }),
        (flat, cuts) => {
          expect(read('FP32', nest(flat, cuts), flat.length)).toEqual(
            read('FP32', flat, flat.length),
          );
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('null is NaN for floating point', () => {
    expect(read('FP32', [null, 1], 2)).toEqual(Float32Array.of(Number.NaN, 1));
    expect(read('FP64', [null, 1], 2)).toEqual(Float64Array.of(Number.NaN, 1));
  });

  test('non-finite numbers are written as null', () => {
    const data = Float32Array.of(
      1.5,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      Number.POSITIVE_INFINITY,
    );
    expect(dataToJson({ name: 'o', datatype: 'FP32', shape: [4], data })).toBe(
      '[1.5,null,null,null]',
    );
  });

  test('booleans are true and false, and 1 and 0 are taken for them', () => {
    expect(read('BOOL', [true, false, 1, 0], 4)).toEqual(Uint8Array.of(1, 0, 1, 0));
    const data = Uint8Array.of(1, 0);
    expect(dataToJson({ name: 'o', datatype: 'BOOL', shape: [2], data })).toBe('[true,false]');
  });
});

describe('faulty tensors in JSON', () => {
  test.each([
    ['FP32', ['1.5'], 'inputs[0].data[0]: expected a number, got text'],
    ['FP32', [[1, [true]]], 'inputs[0].data[0][1][0]: expected a number, got true'],
    ['FP32', [1e39], 'inputs[0].data[0]: 1e+39 is beyond FP32'],
    ['FP64', [{}], 'inputs[0].data[0]: expected a number, got an object'],
    ['UINT8', [256], 'inputs[0].data[0]: expected an integer from 0 to 255, got 256'],
    ['INT8', [1.5], 'inputs[0].data[0]: expected an integer from -128 to 127, got 1.5'],
    [
      'INT32',
      [null],
      'inputs[0].data[0]: expected an integer from -2147483648 to 2147483647, got null or NaN',
    ],
    [
      'UINT64',
      [-1],
      'inputs[0].data[0]: expected an integer from 0 to 18446744073709551615 in plain digits, got -1',
    ],
    ['BOOL', [null], 'inputs[0].data[0]: expected true or false, got null or NaN'],
    ['BOOL', [2], 'inputs[0].data[0]: expected true or false, got 2'],
    ['BYTES', [null], 'inputs[0].data[0]: expected text, got null or NaN'],
    ['BYTES', [5], 'inputs[0].data[0]: expected text, got 5'],
    ['BYTES', ['\ud800'], 'inputs[0].data[0]: the text holds half of a surrogate pair'],
    ['BYTES', ['é'.repeat(2049)], 'inputs[0].data[0]: the text is longer than 4096 bytes'],
    [
      'FP16',
      [1],
      'inputs[0].data: FP16 has no JSON form: send it as binary data (binary_data_size)',
    ],
    ['FP32', 'abc', 'inputs[0].data: expected a list, got text'],
    ['FP32', [[[[[[[[[1]]]]]]]]], 'inputs[0].data: lists are nested deeper than 8'],
  ] as const)('%s %j is refused with its path', (datatype, data, detail) => {
    const leaves = datatype === 'FP32' && Array.isArray(data[0]) && data[0].length === 2 ? 2 : 1;
    expect(refusalOf(() => read(datatype, data, leaves)).details).toEqual([detail]);
  });

  test.each([
    [[1, 2], 'inputs[0].data: the shape means 3 values, got 2'],
    [[1, 2, 3, 4], 'inputs[0].data: the shape means 3 values, got more'],
    [
      [
        [1, 2],
        [3, 4, 5, 6],
      ],
      'inputs[0].data: the shape means 3 values, got more',
    ],
    [[], 'inputs[0].data: the shape means 3 values, got 0'],
  ])('%j does not fit a shape of three', (data, detail) => {
    expect(refusalOf(() => read('FP32', data, 3)).details).toEqual([detail]);
  });
});
