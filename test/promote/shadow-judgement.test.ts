import { describe, expect, test } from 'vitest';
import type { ShadowComparison } from '../../functions/contracts/shadow-comparison.ts';
import { Look, type LookEvidence } from '../../functions/promote/look.ts';
import { rederive } from '../../functions/promote/look-judgement.ts';
import { shadowPlan, shadowVerdict } from '../../functions/promote/shadow-rule.ts';
import { ShadowCounts, summarize as summaryOf } from '../../functions/promote/shadow-totals.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { START_MS } from '../builders/route.ts';
import { aComparison } from '../builders/shadow-comparison.ts';
import { PLACE } from './in-memory-promotions.ts';
import { standingIn } from './standing-in.ts';

const HOUR_MS = 3_600_000;

const many = (count: number, over: (at: number) => Partial<ShadowComparison>) =>
  Array.from({ length: count }, (_, at) => aComparison(over(at)));
function summarize(comparisons: readonly ShadowComparison[]) {
  const counts = new ShadowCounts();
  for (const [at, each] of comparisons.entries()) counts.take(`p${at}`, each);
  return summaryOf(counts.totals);
}

describe('what a shadow showed', () => {
  test('is agreement by rows and by segment, flipped decisions and latency', () => {
    const summary = summarize([
      aComparison({ rows: 3, agreed: 3, segments: { zone: 'north' }, latencyMs: 10 }),
      aComparison({ rows: 1, agreed: 0, flipped: 1, segments: { zone: 'south' }, latencyMs: 30 }),
    ]);
    expect(summary).toMatchObject({
      requests: 2,
      agreement: 0.75,
      flipped: 1,
      p50Ms: 20,
      segments: {
        'zone=north': { rows: 3, agreement: 1 },
        'zone=south': { rows: 1, agreement: 0 },
      },
    });
  });

  test('is a stability near zero where scores are alike, and large where they moved', () => {
    const alike = summarize(many(500, (at) => ({ scores: [[at / 500, at / 500]] })));
    expect(alike.scoreStability).toBeLessThan(0.01);
    const moved = summarize(many(500, (at) => ({ scores: [[at / 500, 0.5 + at / 1000]] })));
    expect(moved.scoreStability).toBeGreaterThan(0.2);
  });

  test('leaves latencies of failures out, and says nothing of nothing', () => {
    const { p50Ms } = summarize([aComparison({ failed: true, latencyMs: 0 }), aComparison()]);
    expect(p50Ms).toBe(10);
    expect(summarize([])).toEqual({ requests: 0, failed: 0, flipped: 0, segments: {} });
  });
});

describe('a shadow', () => {
  const plan = shadowPlan({ kind: 'shadow', hours: 2, minimumRequests: 200, agreement: 0.9 });
  const evidence = (hours: number, comparisons: readonly ShadowComparison[]): LookEvidence => ({
    days: hours / 24,
    alarms: { champion: [], challenger: [] },
    exposed: { champion: 0, challenger: 0 },
    mixedUnits: 0,
    data: 'complete',
    incompleteHours: 0,
    metrics: [],
    shadow: summarize(comparisons),
    hasSucceeded: false,
  });
  const after = (hours: number, comparisons: readonly ShadowComparison[]) =>
    shadowVerdict(plan.shadow, evidence(hours, comparisons)).verdict;
  const agreeing = (share: number) => many(200, (at) => ({ agreed: Number(at < share * 200) }));

  test.each<[string, number, readonly ShadowComparison[], string]>([
    ['passes where both decide alike', 2, agreeing(0.95), 'PASS'],
    ['fails where they do not', 2, agreeing(0.85), 'FAIL'],
    ['goes on before its time', 1, agreeing(0.95), 'CONTINUE'],
    ['holds without enough requests', 2, many(199, () => ({})), 'HOLD'],
    ['without any requests ends undecided', 8, [], 'INCONCLUSIVE'],
    [
      'fails early where the version is broken',
      0.1,
      many(200, (at) => ({ failed: at < 3 })),
      'FAIL',
    ],
    ['bears a rare failure', 2, many(300, (at) => ({ failed: at < 2 })), 'PASS'],
    ['calls nothing broken by a handful', 0.1, many(50, () => ({ failed: true })), 'CONTINUE'],
  ])('%s', (_, hours, comparisons, verdict) => {
    expect(after(hours, comparisons)).toBe(verdict);
  });

  test('holds where what it showed could not be read', () => {
    const unread = { ...evidence(2, agreeing(0.95)), data: 'failed' as const, failure: 'no table' };
    const { verdict, reason } = shadowVerdict(plan.shadow, unread);
    expect({ verdict, reason }).toEqual({
      verdict: 'HOLD',
      reason: 'what is measured could not be read: no table',
    });
  });

  test('has a verdict that is derived again from what was kept of its look, or is found to differ', () => {
    const seen = evidence(2, agreeing(0.85));
    const judged = { ...shadowVerdict(plan.shadow, seen), hasSucceeded: false };
    const look = Look.parse({
      promotion: 'm-p1',
      model: 'm',
      at: '2026-11-27T09:00:00.000Z',
      place: { step: 0 },
      plan,
      evidence: seen,
      judged,
      verdict: judged.verdict,
      reason: judged.reason,
    });
    expect(rederive(look)).toEqual({ verdict: 'FAIL', rule: 'agreement', agrees: true });
    const other = { ...look, judged: { ...look.judged, verdict: 'PASS' } };
    expect(rederive(other)).toMatchObject({ agrees: false });
  });
});

describe('a look at a shadow', () => {
  /** So many requests an hour, of which every tenth is decided otherwise. */
  function shadowed(stand: ReturnType<typeof standingIn>, hour: number, requests = 20): void {
    for (let at = 0; at < requests; at++)
      stand.looking.units.compare({
        promotion: 'm-p1',
        predictionId: `${hour}-${at}`,
        requestedAt: instantOf(START_MS + hour * HOUR_MS + at),
        comparison: aComparison({ agreed: Number(at % 10 > 0), latencyMs: hour }),
      });
  }
  const hoursAt = (...hours: readonly number[]) =>
    hours.map((hour) => instantOf(START_MS + hour * HOUR_MS).slice(0, 13));

  test('reads the hours that are over once, and then none but those that are not', async () => {
    const stand = standingIn(PLACE.shadow);
    const { held, looking } = stand;
    for (let hour = 0; hour < 6; hour++) shadowed(stand, hour);
    held.clock.advance(5.5 * HOUR_MS);
    expect(await stand.lookNow()).toMatchObject({ verdict: 'PASS' });
    expect(looking.shadowHours).toEqual(hoursAt(0, 1, 2, 3, 4, 5));
    looking.shadowHours.length = 0;
    held.clock.advance(HOUR_MS / 4);
    await stand.lookNow();
    expect(looking.shadowHours).toEqual(hoursAt(3, 4, 5));
    const [first, second] = held.looks.map(({ evidence }) => evidence.shadow);
    expect(second).toEqual(first);
    expect(second).toMatchObject({ requests: 120, agreement: 0.9, p50Ms: 2.5 });
  });

  test('after days reads one item a day that is over, and counts every request once', async () => {
    const stand = standingIn(PLACE.shadow);
    const { held, looking } = stand;
    for (let hour = 0; hour < 60; hour++) {
      shadowed(stand, hour, 2);
      held.clock.advance(HOUR_MS);
      if (hour % 7 === 0) await stand.lookNow();
    }
    await stand.lookNow();
    looking.shadowHours.length = 0;
    await stand.lookNow();
    expect(looking.shadowHours).toEqual(hoursAt(58, 59));
    expect(held.looks.at(-1)?.evidence.shadow?.requests).toBe(120);
    const days = [...held.frozen.keys()].filter((name) => /^shadow#m-p1#1#0#[\d-]{10}$/.test(name));
    expect(days).toHaveLength(2);
  });

  test('counts a comparison that was delivered twice once, and one that came while its hour lasted', async () => {
    const stand = standingIn(PLACE.shadow);
    shadowed(stand, 0, 5);
    stand.held.clock.advance(HOUR_MS);
    await stand.lookNow();
    shadowed(stand, 0, 10);
    await stand.lookNow();
    expect(stand.held.looks.map(({ evidence }) => evidence.shadow?.requests)).toEqual([5, 10]);
  });

  test('keeps nothing of an hour that could not be read, and reads it again', async () => {
    const stand = standingIn(PLACE.shadow);
    shadowed(stand, 0);
    stand.held.clock.advance(4 * HOUR_MS);
    stand.looking.shadowOutage = new Error('Rate exceeded');
    expect(await stand.lookNow()).toMatchObject({ verdict: 'HOLD' });
    stand.looking.shadowOutage = undefined;
    expect(await stand.lookNow()).toMatchObject({ verdict: 'PASS' });
  });
});
