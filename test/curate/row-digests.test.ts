import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { accepted } from './dataset-files.ts';

const spec = aModel('m');
const number = fc.option(fc.double({ noNaN: true, min: -1e6, max: 1e6 }).map((value) => value + 0));
const rows = fc.array(fc.record({ a: number, b: number, c: number, y: fc.integer() }), {
  minLength: 1,
  maxLength: 20,
});
type Row = { a: number | null; b: number | null; c: number | null; y: number };
const NAMES = ['a', 'b', 'c', 'y'] as const;

const csvOf = (all: readonly Row[], names: readonly (keyof Row)[] = NAMES): string =>
  `${names.join(',')}\n${all.map((row) => names.map((name) => row[name] ?? '').join(',')).join('\n')}\n`;
const jsonOf = (all: readonly Row[]): string =>
  all.map((row) => `${JSON.stringify(row)}\n`).join('');
const parquetOf = (all: readonly Row[]): Uint8Array =>
  new Uint8Array(
    parquetWriteBuffer({
      columnData: NAMES.map((name) => ({
        name,
        data: all.map((row) => row[name]),
        type: 'DOUBLE' as const,
      })),
    }),
  );

describe('the digests', () => {
  test('know neither the order of columns nor the format', async () => {
    await fc.assert(
      fc.asyncProperty(
        rows,
        fc.shuffledSubarray([...NAMES], { minLength: 4 }),
        async (all, names) => {
          const files = [csvOf(all), csvOf(all, names), jsonOf(all), parquetOf(all)];
          const digests = await Promise.all(files.map((file) => accepted(file, spec)));
          expect(new Set(digests.map(({ digest }) => digest)).size).toBe(1);
          expect(new Set(digests.map(({ rowsDigest }) => rowsDigest)).size).toBe(1);
        },
      ),
      { numRuns: 40 },
    );
  });

  test('of rows in another order: one changes, the other does not', async () => {
    await fc.assert(
      fc.asyncProperty(
        rows.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length })),
        ),
        async ([all, shuffled]) => {
          const [one, other] = [
            await accepted(jsonOf(all), spec),
            await accepted(jsonOf(shuffled), spec),
          ];
          expect(other.rowsDigest).toBe(one.rowsDigest);
          expect(other.digest === one.digest).toBe(jsonOf(all) === jsonOf(shuffled));
        },
      ),
      { numRuns: 40 },
    );
  });

  test('tell a row from the same row twice, and from none', async () => {
    const row = '{"a":1,"y":1}\n';
    const other = '{"a":2,"y":1}\n';
    const digests = await Promise.all(
      [row, row.repeat(2), row.repeat(3), row + other, row + other.repeat(2)].map((file) =>
        accepted(file, spec),
      ),
    );
    expect(new Set(digests.map(({ rowsDigest }) => rowsDigest)).size).toBe(5);
  });

  test('are what sha256sum says of the canonical rows', async () => {
    const { digest, rowsDigest } = await accepted('y,c,a\n2,,1.50\n-0,0.1,0.0000001\n', spec);
    const canonical = ['{"a":1.5,"y":2}', '{"a":1e-7,"c":0.1,"y":0}'];
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(digest).toBe(sha256(`${canonical.join('\n')}\n`));
    const sum = canonical.reduce((total, row) => total + BigInt(`0x${sha256(row)}`), 0n);
    expect(rowsDigest).toBe(`${(sum % 2n ** 256n).toString(16).padStart(64, '0')}-2`);
  });
});
