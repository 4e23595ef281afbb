import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { DigestTable } from '../../functions/curate/digest-table.ts';

const digestOf = (value: number): Buffer =>
  createHash('sha256').update(String(value)).digest().subarray(0, 16);

test('a table says where each digest was first, as a Map would', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(50), { maxLength: 200 }), (values) => {
      const table = new DigestTable();
      const map = new Map<number, number>();
      values.forEach((value, at) => {
        expect(table.add(digestOf(value))).toBe(map.get(value));
        if (!map.has(value)) map.set(value, at);
      });
      for (let value = 0; value <= 50; value++)
        expect(table.find(digestOf(value))).toBe(map.get(value));
      expect(table.length).toBe(values.length);
      expect(DigestTable.from(table.bytes()).bytes()).toEqual(table.bytes());
    }),
  );
});

test('a table outgrows its chunks and its slots', () => {
  const table = new DigestTable();
  const count = 150_000;
  for (let value = 0; value < count; value++) expect(table.add(digestOf(value))).toBeUndefined();
  const bytes = table.bytes();
  expect(bytes).toHaveLength(count * 16);
  for (const value of [0, 65_535, 65_536, 131_072, count - 1]) {
    expect(table.find(digestOf(value))).toBe(value);
    expect(Buffer.from(bytes.subarray(value * 16, value * 16 + 16))).toEqual(digestOf(value));
  }
  expect(table.find(digestOf(count))).toBeUndefined();
});
