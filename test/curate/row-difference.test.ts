import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { sharedDigests } from '../../functions/curate/leakage.ts';
import { differenceOf, entityDigests } from '../../functions/curate/row-difference.ts';
import { shortTextDigest } from '../../functions/curate/row-digests.ts';

const digests = (texts: readonly string[]): Uint8Array =>
  new Uint8Array(
    Buffer.concat(texts.map((text) => (text === '' ? Buffer.alloc(16) : shortTextDigest(text)))),
  );
const setOf = (rows: readonly (readonly [entity: string, value: string])[]) => ({
  rows: digests(rows.map(([entity, value]) => `${entity}=${value}`)),
  entities: digests(rows.map(([entity]) => entity)),
});
const row = fc.tuple(fc.constantFrom('', 'a', 'b', 'c'), fc.constantFrom('1', '2'));
const rows = fc.array(row, { maxLength: 30 });

describe('the difference of two sets', () => {
  test('accounts for every row of both', () => {
    fc.assert(
      fc.property(rows, rows, (before, after) => {
        const { unchanged, added, removed, changed } = differenceOf(setOf(before), setOf(after));
        expect(unchanged + changed.length + removed.length).toBe(before.length);
        expect(unchanged + changed.length + added.length).toBe(after.length);
        for (const pair of changed) {
          expect(after[pair.after]?.[0]).toBe(before[pair.before]?.[0]);
          expect(after[pair.after]?.[1]).not.toBe(before[pair.before]?.[1]);
        }
      }),
    );
  });

  test('is nothing where only the order differs', () => {
    fc.assert(
      fc.property(
        rows.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        ([before, after]) => {
          expect(differenceOf(setOf(before), setOf(after))).toEqual({
            unchanged: before.length,
            added: [],
            removed: [],
            changed: [],
          });
        },
      ),
    );
  });

  test('pairs rows by all of several keys, and by none where one is missing', () => {
    const keys = [digests(['x', 'x', '']), digests(['1', '2', '1'])];
    const combined = entityDigests(keys, 3);
    expect(combined.subarray(0, 16)).not.toEqual(combined.subarray(16, 32));
    expect([...combined.subarray(32)].every((byte) => byte === 0)).toBe(true);
  });
});

test('rows and entities that two sets share are found as a Set would, missing ones never', () => {
  fc.assert(
    fc.property(
      fc.array(fc.constantFrom('', 'a', 'b', 'c', 'd')),
      fc.array(fc.constantFrom('', 'c', 'd', 'e')),
      (training, validation) => {
        const { count, examples } = sharedDigests(digests(training), digests(validation));
        const known = new Set<string>(training.filter((text) => text !== ''));
        expect(count).toBe(validation.filter((text) => known.has(text)).length);
        for (const { trainingRow, validationRow } of examples)
          expect(training[trainingRow - 1]).toBe(validation[validationRow - 1]);
      },
    ),
  );
});
