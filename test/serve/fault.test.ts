import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { Faults, kindOf, quoted } from '../../functions/serve/fault.ts';
import { refusalOf } from './refusal.ts';

const refusalWith = (count: number) =>
  refusalOf(() => {
    const faults = new Faults();
    for (let at = 0; at < count; at++) faults.add(`instances[${at}].weightKg`, 'expected a number');
    faults.settle();
  });

describe('faults', () => {
  test('a request without faults is not refused', () => {
    expect(() => new Faults().settle()).not.toThrow();
  });

  test('one fault is the error itself', () => {
    expect(refusalWith(1)).toEqual({
      status: 400,
      code: 'BAD_REQUEST',
      error: 'instances[0].weightKg: expected a number',
      details: ['instances[0].weightKg: expected a number'],
    });
  });

  test('several faults are counted in the error and listed in the details', () => {
    expect(refusalWith(3)).toEqual({
      status: 400,
      code: 'BAD_REQUEST',
      error:
        '3 faults: instances[0].weightKg: expected a number; instances[1].weightKg: expected a number; …',
      details: [0, 1, 2].map((at) => `instances[${at}].weightKg: expected a number`),
    });
  });

  test('reading stops at the largest number of faults that is listed', () => {
    const refusal = refusalWith(1_000_000);
    expect(refusal.details).toHaveLength(LIMITS.faultsListed);
    expect(refusal.error).toMatch(/^20 or more faults: /);
  });
});

describe('words of a fault', () => {
  test.each([
    [null, 'null'],
    [undefined, 'nothing'],
    ['', 'text'],
    [[], 'a list'],
    [{}, 'an object'],
    [3.5, '3.5'],
    [true, 'true'],
    [12n, '12'],
  ])('%s is called %s', (value, words) => {
    expect(kindOf(value)).toBe(words);
  });

  test('what a caller wrote is escaped and cut', () => {
    expect(quoted('a"\n')).toBe('"a\\"\\n"');
    expect(quoted('x'.repeat(1000))).toBe(`"${'x'.repeat(60)}…"`);
  });
});
