import fc from 'fast-check';
import { expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { joinRows, splitRows } from '../../functions/record/row-chunks.ts';

test('rows split into items that fit come together as they were', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 2500 }),
      fc.string({ unit: 'binary', maxLength: 100 }),
      (rowCount, id) => {
        const numbers = Array.from({ length: rowCount }, (_, at) => (at % 7 ? at / 3 : null));
        const rows = {
          columns: { minutes: numbers, low: numbers },
          items: Array.from({ length: rowCount }, (_, at) => `${id}${at}`),
          values: numbers,
          propensities: Array.from({ length: rowCount }, (_, at) => (at % 3) / 2),
        };
        const chunks = splitRows({ rowCount, ...rows });
        for (const chunk of chunks) expect(Buffer.byteLength(chunk)).toBeLessThan(390_000);
        expect(joinRows(chunks)).toEqual(JSON.parse(JSON.stringify(rows)));
      },
    ),
    { numRuns: 50 },
  );
});

test('rows whose ids are as long and as wide as they may be still fit', () => {
  const rowCount = LIMITS.rowsPerItem;
  const items = Array.from({ length: rowCount }, () => '\u{ffff}'.repeat(LIMITS.unitCharacters));
  for (const chunk of splitRows({ rowCount, columns: { score: [] }, items }))
    expect(Buffer.byteLength(chunk)).toBeLessThan(390_000);
});
