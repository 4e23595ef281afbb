import { describe, expect, test } from 'vitest';
import type { ShadowComparison } from '../../functions/contracts/shadow-comparison.ts';
import { Look, type LookEvidence } from '../../functions/promote/look.ts';
import { rederive } from '../../functions/promote/look-judgement.ts';
import { summarize } from '../../functions/promote/shadow-judgement.ts';
import { shadowPlan, shadowVerdict } from '../../functions/promote/shadow-rule.ts';

const comparison = (over: Partial<ShadowComparison> = {}): ShadowComparison => ({
  rows: 1,
  agreed: 1,
  flipped: 0,
  scores: [[0.5, 0.5]],
  latencyMs: 10,
  failed: false,
  segments: {},
  ...over,
});
const many = (count: number, over: (at: number) => Partial<ShadowComparison>) =>
  Array.from({ length: count }, (_, at) => comparison(over(at)));

describe('what a shadow showed', () => {
  test('is agreement by rows and by segment, flipped decisions and latency', () => {
    const summary = summarize([
      comparison({ rows: 3, agreed: 3, segments: { zone: 'north' }, latencyMs: 10 }),
      comparison({ rows: 1, agreed: 0, flipped: 1, segments: { zone: 'south' }, latencyMs: 30 }),
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
    const { p50Ms } = summarize([comparison({ failed: true, latencyMs: 0 }), comparison()]);
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
