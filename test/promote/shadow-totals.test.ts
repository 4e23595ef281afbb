import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ShadowComparison } from '../../functions/contracts/shadow-comparison.ts';
import { PromotionTable } from '../../functions/promote/promotion-table.ts';
import {
  mergeShadows,
  ShadowCounts,
  type ShadowTotals,
  summarize,
} from '../../functions/promote/shadow-totals.ts';
import { Outbox } from '../../functions/runtime/outbox.ts';
import { modelTable, startTables } from '../builders/model-table.ts';
import { aComparison } from '../builders/shadow-comparison.ts';

type Answer = readonly [predictionId: string, comparison: ShadowComparison];

function totalsOf(answers: readonly Answer[]): ShadowTotals {
  const counts = new ShadowCounts();
  for (const [id, comparison] of answers) counts.take(id, comparison);
  return counts.totals;
}

const score = fc.double({ min: 0, max: 1, noNaN: true });
const hours = fc
  .uniqueArray(
    fc.record({
      hour: fc.nat(4),
      id: fc.uuid(),
      // Quarters add up without rounding.
      agreed: fc.integer({ min: 0, max: 4 }).map((quarters) => quarters / 4),
      flipped: fc.integer({ min: 0, max: 1 }),
      failed: fc.boolean(),
      latencyMs: fc.double({ min: 0, max: 1000, noNaN: true }),
      scores: fc.array(fc.tuple(score, score), { maxLength: 10 }),
      zone: fc.constantFrom('north', 'south', '='),
    }),
    { selector: ({ id }) => id },
  )
  .map((requests) =>
    Array.from({ length: 5 }, (_, at) =>
      requests
        .filter(({ hour }) => hour === at)
        .map(
          ({ id, zone, hour: _hour, ...rest }): Answer => [
            id,
            aComparison({ ...rest, segments: { zone } }),
          ],
        ),
    ),
  );

describe('the totals of a shadow', () => {
  test('are the same of hours and days, in any order, as of all requests at once', () => {
    fc.assert(
      fc.property(hours, (answers) => {
        const whole = totalsOf(answers.flat());
        const [first = [], ...others] = answers.toReversed();
        const later = mergeShadows(others.map((hour) => totalsOf(hour.toReversed())));
        expect(mergeShadows([mergeShadows([totalsOf(first)]), later])).toEqual(whole);
        expect(summarize(whole).requests).toBe(answers.flat().length);
      }),
    );
  });

  test('sample requests and rows where there are many, whatever parts they came in', () => {
    const answers = Array.from(
      { length: 3 * LIMITS.shadowSample },
      (_, at): Answer => [
        `p${at}`,
        aComparison({
          latencyMs: at,
          scores: [
            [at, at],
            [at, at + 0.5],
          ],
        }),
      ],
    );
    const whole = totalsOf(answers);
    expect(whole.latencies).toHaveLength(LIMITS.shadowSample);
    expect(whole.scores).toHaveLength(LIMITS.shadowSample);
    const parts = [answers.slice(9_000), answers.slice(0, 10), answers.slice(10, 9_000)];
    expect(mergeShadows(parts.map(totalsOf))).toEqual(whole);
    const { requests, scoreStability, p50Ms = 0 } = summarize(whole);
    expect(requests).toBe(answers.length);
    expect(scoreStability).toBeLessThan(0.015);
    expect(Math.abs(p50Ms / answers.length - 0.5)).toBeLessThan(0.025);
  });
});

describe('segments of a shadow', () => {
  const inZone = (zone: string, at: number, over: Partial<ShadowComparison> = {}): Answer => [
    `${zone}-${at}`,
    aComparison({ segments: { zone }, ...over }),
  ];

  test('are shown largest first, and the rest of them together', () => {
    const zones = Array.from({ length: 25 }, (_, zone) => zone);
    const answers = zones.flatMap((zone) =>
      Array.from({ length: zone + 1 }, (_, at) => inZone(`${zone}`, at, { agreed: 1 - (at % 2) })),
    );
    const { segments, otherSegments } = summarize(totalsOf(answers));
    expect(Object.keys(segments)).toHaveLength(20);
    expect(Object.keys(segments)[0]).toBe('zone=24');
    // Zones 0 to 4 with 1 to 5 rows, of which 1, 1, 2, 2 and 3 are decided alike.
    expect(otherSegments).toEqual({ rows: 15, agreement: 9 / 15 });
  });

  test('that are too many for an item keep the largest with their exact counts, and lose no row', () => {
    const mixed = Array.from({ length: 64_000 }, (_, at) =>
      at % 16 === 0 ? inZone('large', at) : inZone(`card-${at}`, at, { agreed: 0 }),
    );
    const hour = totalsOf(mixed);
    const day = mergeShadows([hour, totalsOf(mixed.toReversed())]);
    for (const [totals, times] of [
      [hour, 1],
      [day, 2],
    ] as const) {
      expect(totals.segments['zone=large']).toEqual({ rows: 4_000 * times, agreed: 4_000 * times });
      const rows = Object.values(totals.segments).reduce((sum, each) => sum + each.rows, 0);
      expect(rows + totals.elsewhere.rows).toBe(64_000 * times);
      expect(totals.elsewhere.agreed).toBe(0);
    }
  });
});

test('a segment whose name no item could hold is counted elsewhere', () => {
  const zone = 'x'.repeat(2 * LIMITS.segmentBytes);
  const long = totalsOf([['p', aComparison({ segments: { zone } })]]);
  expect(long).toMatchObject({ segments: {}, elsewhere: { rows: 1, agreed: 1 } });
  expect(mergeShadows([long, long]).elsewhere.rows).toBe(2);
});

describe('totals of the largest size', () => {
  let tables: Awaited<ReturnType<typeof startTables>>;
  beforeAll(async () => {
    tables = await startTables(modelTable('promotions', 'model', 'sk'));
  });
  afterAll(() => tables[Symbol.asyncDispose]());

  test('are kept in one item', async () => {
    // Doubles of 17 digits, the longest there are, and negative.
    const odd = (at: number): number => -(1 / 3 + at) / 7;
    const answers = Array.from(
      { length: 20_000 },
      (_, at): Answer => [
        `00000000-0000-4000-8000-${at}`,
        aComparison({
          agreed: 1 / 3,
          latencyMs: odd(at),
          scores: [[odd(at + 0.1), odd(at + 0.2)]],
          segments: { zone: `${at} ${'ü'.repeat(at % 50)}`, hour: `${at}` },
        }),
      ],
    );
    const totals = totalsOf(answers);
    const { documents } = tables;
    const table = new PromotionTable(documents, 'promotions', new Outbox(documents, 'promotions'));
    await table.frozen('m', 'shadow#m-p1#1#0#2026-11-27T18', async () => totals);
    const kept = await table.frozen('m', 'shadow#m-p1#1#0#2026-11-27T18', () =>
      Promise.reject(new Error('it was not kept')),
    );
    expect(kept).toEqual(totals);
  });
});
