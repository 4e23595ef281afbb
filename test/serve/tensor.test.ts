import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { Faults } from '../../functions/serve/fault.ts';
import {
  type Datatype,
  dataFromBytes,
  dataToBytes,
  datatypeOf,
  elementsOf,
  onnxTypeOf,
} from '../../functions/serve/tensor.ts';
import { refusalOf } from './refusal.ts';
import { DATATYPES, ELEMENTS } from './tensor-data.ts';

const read = (datatype: Datatype, bytes: Buffer, count: number) => {
  const faults = new Faults();
  const data = dataFromBytes(datatype, bytes, count, 'inputs[0]', faults);
  faults.settle();
  return data;
};

describe('binary tensors', () => {
  test.each(DATATYPES)(
    '%s survive writing and reading, wherever they lie in the body',
    (datatype) => {
      fc.assert(
        fc.property(ELEMENTS[datatype], fc.nat({ max: 9 }), (data, offset) => {
          const body = Buffer.concat([Buffer.alloc(offset), dataToBytes(data)]);
          expect(read(datatype, body.subarray(offset), data.length)).toEqual(data);
        }),
        { numRuns: 1000 },
      );
    },
  );

  test.each(DATATYPES)('%s of the wrong length are refused', (datatype) => {
    fc.assert(
      fc.property(
        ELEMENTS[datatype].filter((data) => data.length > 0),
        fc.constantFrom(-1, 1),
        (data, change) => {
          const bytes = Buffer.from(dataToBytes(data));
          const wrong = change < 0 ? bytes.subarray(0, -1) : Buffer.concat([bytes, Buffer.of(0)]);
          expect(refusalOf(() => read(datatype, wrong, data.length)).status).toBe(400);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('BYTES are a little-endian length and UTF-8 each', () => {
    expect(Buffer.from(dataToBytes(['ab', 'é'])).toString('latin1')).toBe(
      '\x02\0\0\0ab\x02\0\0\0\xc3\xa9',
    );
  });
});

describe('faulty binary tensors', () => {
  test.each([
    ['BOOL', Buffer.of(0, 1, 2), 3, 'inputs[0][2]: expected byte 0 or 1, got 2'],
    [
      'FP32',
      Buffer.alloc(23),
      6,
      'inputs[0]: 6 elements of FP32 are 24 bytes, binary_data_size says 23',
    ],
    [
      'BYTES',
      Buffer.of(2, 0, 0, 0, 97),
      1,
      'inputs[0][0]: the binary data ends within this element or its 4-byte length',
    ],
    [
      'BYTES',
      Buffer.of(0xff, 0xff, 0xff, 0xff, 97),
      1,
      'inputs[0][0]: the binary data ends within this element or its 4-byte length',
    ],
    [
      'BYTES',
      Buffer.of(1, 0, 0, 0, 97, 9, 0, 0),
      2,
      'inputs[0][1]: the binary data ends within this element or its 4-byte length',
    ],
    ['BYTES', Buffer.of(1, 0, 0, 0, 0xff), 1, 'inputs[0][0]: not valid UTF-8'],
    ['BYTES', Buffer.of(0, 0, 0, 0, 0), 1, 'inputs[0]: 1 bytes are left after 1 elements'],
  ] as const)('%s %o is refused for its fault', (datatype, bytes, count, detail) => {
    expect(refusalOf(() => read(datatype, bytes, count)).details).toEqual([detail]);
  });

  test('a string element longer than the limit is refused', () => {
    const long = ['x'.repeat(LIMITS.stringElementBytes + 1)];
    expect(refusalOf(() => read('BYTES', Buffer.from(dataToBytes(long)), 1)).error).toContain(
      'at most 4096',
    );
  });
});

describe('datatypes', () => {
  test('each has a word of ONNX Runtime, and back', () => {
    expect(DATATYPES.map((datatype) => datatypeOf(onnxTypeOf(datatype)))).toEqual(DATATYPES);
    expect(datatypeOf('int4')).toBeUndefined();
  });

  test('a scalar has one element', () => {
    expect([elementsOf([]), elementsOf([2, 3]), elementsOf([4, 0])]).toEqual([1, 6, 0]);
  });
});
