import { describe, expect, test } from 'vitest';
import * as z from 'zod/mini';
import type { DatasetEvaluation } from '../../functions/contracts/dataset-evaluation.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import type { TrialAnswer, TrialRequest } from '../../functions/contracts/trial.ts';
import { concludeGate } from '../../functions/promote/gate.ts';
import { evaluateOffline } from '../../functions/promote/offline-evaluating.ts';
import { concludeGates, digestOfGates, judgeGates } from '../../functions/promote/offline-gates.ts';
import { smokeTest, testPerformance } from '../../functions/promote/trials.ts';
import { aModel } from '../builders/model-spec.ts';
import { aPromotion, InMemoryPromotions } from './in-memory-promotions.ts';

const HOUR_MS = 3_600_000;
const againstChampion = { against: 'champion', metric: 'mae', margin: 0.05 } as const;
const atMost = { against: 'number', metric: 'mae', comparison: 'at-most', threshold: 6 } as const;

/** A version whose errors are these, unit by unit. */
function judged(errors: readonly number[], dataset = 'd1') {
  const total = errors.reduce((sum, error) => sum + error, 0);
  const evaluation = {
    dataset,
    metrics: errors.length > 0 ? { mae: total / errors.length } : {},
    slices: [],
  } as unknown as DatasetEvaluation;
  return { evaluation, units: { absoluteError: errors, labels: errors.map(() => 1) } };
}
const errorsAround = (mean: number): number[] =>
  Array.from({ length: 400 }, (_, unit) => mean + ((unit % 9) - 4) * 0.5);

describe('a gate', () => {
  const champion = judged(errorsAround(5));

  test.each<[string, number, boolean]>([
    ['better', 4.5, true],
    ['equal', 5, true],
    ['worse, but within the margin', 5.1, true],
    ['worse by more', 6, false],
  ])('lets a version pass that is %s: %d', (_, mean, passed) => {
    const [result] = judgeGates({ gates: [againstChampion] }, champion, judged(errorsAround(mean)));
    expect(result?.passed).toBe(passed);
    expect(result?.interval?.low).toBeLessThanOrEqual(mean - 5 + 1e-9);
    expect(result?.interval?.high).toBeGreaterThanOrEqual(mean - 5 - 1e-9);
  });

  test('against a number says both', () => {
    const [passed] = judgeGates({ gates: [atMost] }, champion, judged([5, 7]));
    expect(passed).toMatchObject({ passed: true, reason: 'mae is 6, as asked at most 6' });
    const [failed] = judgeGates({ gates: [atMost] }, champion, judged([7, 7]));
    expect(concludeGates(failed ? [failed] : [])).toEqual({
      verdict: 'FAIL',
      reason: 'mae is 7, and must be at most 6',
    });
  });

  test('on rows that say nothing passes nothing', () => {
    for (const gate of [againstChampion, atMost])
      expect(judgeGates({ gates: [gate] }, champion, judged([]))[0]?.passed).toBe(false);
  });

  test('compares nothing on too few units, whatever they say', () => {
    const few = [judged(errorsAround(5).slice(0, 99)), judged(errorsAround(4).slice(0, 99))];
    const [base, own] = few as [typeof champion, typeof champion];
    expect(judgeGates({ gates: [againstChampion] }, base, own)[0]).toMatchObject({
      passed: false,
      reason:
        'mae was compared on 99 units, and fewer than 100 show nothing: evaluate on more rows',
    });
  });

  test('never compares two datasets', () => {
    expect(() => judgeGates({ gates: [atMost] }, champion, judged([5], 'd2'))).toThrow(
      'two datasets',
    );
  });

  test('that was changed after the run has another digest', () => {
    expect(digestOfGates([atMost])).not.toBe(digestOfGates([{ ...atMost, threshold: 6.1 }]));
    expect(digestOfGates([atMost])).toBe(digestOfGates([{ ...atMost }]));
  });

  test('that has nothing to judge by holds for a day, then fails', async () => {
    const held = new InMemoryPromotions({ promotion: aPromotion() });
    const nothing = { verdict: 'HOLD', reason: 'no traffic', evidence: {} } as const;
    expect(await concludeGate(held.promotion, nothing, held.context)).toMatchObject({
      verdict: 'HOLD',
    });
    held.clock.advance(24 * HOUR_MS);
    expect(await concludeGate(held.promotion, nothing, held.context)).toEqual({
      verdict: 'FAIL',
      reason: 'no traffic, and that for a day',
    });
    expect(held.typesToTell()).toEqual(['PromotionJudged', 'PromotionJudged']);
  });
});

describe('evaluating offline', () => {
  const step: Extract<PlanStep, { kind: 'evaluate-offline' }> = {
    kind: 'evaluate-offline',
    gates: [againstChampion],
    slices: ['zone'],
  };
  const dataset = { digest: 'd1', epoch: 4 } as NonNullable<
    ReturnType<typeof aPromotion>['dataset']
  >;

  test('asks for champion and challenger on the pinned dataset, and keeps what was found', async () => {
    const both = [judged(errorsAround(5)), judged(errorsAround(4))];
    const asked: unknown[] = [];
    const { verdict, evidence } = await evaluateOffline(step, aPromotion({ dataset }), {
      evaluate: async (request) => {
        asked.push(request);
        return both.map(({ evaluation }) => evaluation);
      },
      units: async (evaluation) => both.find((each) => each.evaluation === evaluation)?.units ?? {},
    });
    expect(asked).toEqual([{ model: 'm', versions: ['1', '2'], dataset: 'd1', slices: ['zone'] }]);
    expect(verdict).toBe('PASS');
    expect(evidence).toMatchObject({ epoch: 4, gatesDigest: digestOfGates(step.gates) });
  });

  test('tells of the largest slices only, so that what it tells fits an event', async () => {
    const { evaluation, units } = judged(errorsAround(5));
    const slices = Array.from({ length: 300 }, (_, at) => ({
      feature: 'zone',
      value: `zone-${at}`,
      sums: {},
      units: at,
      metrics: { mae: 5 },
    }));
    const { evidence } = await evaluateOffline(step, aPromotion({ dataset }), {
      evaluate: async () => [evaluation, { ...evaluation, slices }],
      units: async () => units,
    });
    const told = z.array(z.object({ units: z.number() })).parse(evidence['slices']);
    expect(told).toHaveLength(100);
    expect(Math.min(...told.map((slice) => slice.units))).toBe(200);
  });

  test('without a pinned dataset, or with half an answer, is an error and no pass', async () => {
    const source = { evaluate: async () => [], units: async () => ({}) };
    await expect(evaluateOffline(step, aPromotion(), source)).rejects.toThrow('no dataset');
    await expect(evaluateOffline(step, aPromotion({ dataset }), source)).rejects.toThrow(
      'fewer versions',
    );
  });
});

describe('a trial', () => {
  const spec = aModel('m', { edgeCases: [{ instances: [{ a: null, b: 1, c: 1 }] }] });
  const output = { name: 'o', datatype: 'FP32', shape: [1, 1], data: [10] };
  const answering =
    (over: Partial<TrialAnswer>, each: Partial<TrialAnswer['answers'][number]> = {}) =>
    async ({
      requests,
      repeat,
    }: Pick<TrialRequest, 'requests' | 'repeat'>): Promise<TrialAnswer> => ({
      initMs: 200,
      openMs: 100,
      memoryMb: 300,
      answers: requests.map(() => ({
        timesMs: Array.from({ length: repeat }, () => 4),
        outputs: [output],
        ...each,
      })),
      ...over,
    });

  test('by smoke asks the example and every edge case', async () => {
    expect(await smokeTest(spec, answering({}))).toMatchObject({
      verdict: 'PASS',
      evidence: { requests: 2, faults: [] },
    });
  });

  test.each<[string, Partial<TrialAnswer['answers'][number]>]>([
    ['fails', { failure: 'out of memory' }],
    ['answers with what is no number', { outputs: [{ ...output, data: [null] }] }],
  ])('by smoke is failed by a version that %s', async (_, each) => {
    expect((await smokeTest(spec, answering({}, each))).verdict).toBe('FAIL');
  });

  const budgets = {
    kind: 'test-performance',
    batchSizes: [1, 10],
    p50Ms: 5,
    p99Ms: 10,
    coldStartMs: 400,
    memoryMb: 512,
    requestsPerSecond: 100,
  } as const satisfies PlanStep;

  test('of performance passes within every budget, with its numbers', async () => {
    expect(await testPerformance(budgets, spec, answering({}))).toMatchObject({
      verdict: 'PASS',
      evidence: {
        batches: [
          { rows: 1, p50Ms: 4, p99Ms: 4, requestsPerSecond: 250 },
          { rows: 10, p50Ms: 4, p99Ms: 4 },
        ],
      },
    });
  });

  test.each<[string, Partial<PlanStep>, string]>([
    ['slow', { p50Ms: 3 }, 'p50 of 1 rows takes 4.0 ms, at most 3 are allowed'],
    ['large', { memoryMb: 299 }, 'memory takes 300.0 MB, at most 299 are allowed'],
    ['slow to start', { coldStartMs: 299 }, 'a cold start takes 300.0 ms'],
    ['slow under load', { requestsPerSecond: 251 }, '250.0 requests/s of 1 rows; at least 251'],
  ])(
    'of performance is failed by a version that is %s, with numbers',
    async (_, tighter, reason) => {
      const finding = await testPerformance(
        { ...budgets, ...tighter } as typeof budgets,
        spec,
        answering({}),
      );
      expect(finding.verdict).toBe('FAIL');
      expect(finding.reason).toContain(reason);
    },
  );

  test('of performance that measured nothing passes nothing', async () => {
    const nothing = await testPerformance(budgets, spec, answering({}, { timesMs: [] }));
    expect(nothing).toMatchObject({
      verdict: 'FAIL',
      reason: expect.stringContaining('was not measured'),
    });
  });
});
