import { describe, expect, test } from 'vitest';
import type { DatasetDigest } from '../../functions/contracts/dataset.ts';
import type { Digest } from '../../functions/contracts/version.ts';
import { forecastOf, unitsNeeded } from '../../functions/promote/forecast.ts';
import { countIdeas, quarterOf } from '../../functions/promote/ideas.ts';
import { type Starter, startPromotion } from '../../functions/promote/starting.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { aRoute, aVersion, START_MS, servedVersion } from '../builders/route.ts';
import {
  aPlannedModel,
  aPromotion,
  hypothesis,
  InMemoryPromotions,
  STEPS,
} from './in-memory-promotions.ts';

const request = { model: 'm', version: '2', hypothesis, acceptSlow: false, by: 'me' };
const inTime = { kind: 'in-time', units: 4_000, days: 9 } as const;

function starterOf(held: InMemoryPromotions, over: Partial<Starter> = {}) {
  const started: string[] = [];
  const starter: Starter = {
    ...held.context,
    validationSet: async () => undefined,
    forecast: async () => inTime,
    startMachine: async (_, promotion) => {
      started.push(promotion);
      return `arn:${promotion}`;
    },
    ...over,
  };
  return { starter, started };
}

describe('a start', () => {
  test('keeps what it began with, and plans the sample before anything is seen', async () => {
    const held = new InMemoryPromotions();
    const { starter, started } = starterOf(held);
    const promotion = await startPromotion(request, starter);
    expect(promotion).toEqual(aPromotion({ executionArn: 'arn:m-p1', plannedUnits: 4_000 }));
    expect(held.promotion).toEqual(promotion);
    expect(started).toEqual(['m-p1']);
    expect(held.typesToTell()).toEqual(['PromotionStarted']);
  });

  test('whose answer got lost is the same promotion', async () => {
    const held = new InMemoryPromotions();
    const { starter } = starterOf(held);
    const first = await startPromotion(request, starter);
    expect(await startPromotion(request, starter)).toEqual(first);
    expect(held.promotions.size).toBe(1);
    expect(held.typesToTell()).toEqual(['PromotionStarted']);
  });

  test('that died before its machine began is made up for when it is repeated', async () => {
    const held = new InMemoryPromotions();
    const startMachine = () => Promise.reject(new Error('killed'));
    await expect(
      startPromotion(request, starterOf(held, { startMachine }).starter),
    ).rejects.toThrow('killed');
    const { starter, started } = starterOf(held);
    expect(await startPromotion(request, starter)).toMatchObject({ id: 'm-p1' });
    expect(started).toEqual(['m-p1']);
  });

  test('does not undo what the machine has done meanwhile', async () => {
    const held = new InMemoryPromotions();
    const { starter } = starterOf(held, {
      startMachine: async () => {
        held.promotions.set('m-p1', { ...held.promotion, place: { step: 1 } });
        return 'arn';
      },
    });
    await startPromotion(request, starter);
    expect(held.promotion).toMatchObject({ place: { step: 1 }, executionArn: 'arn' });
  });

  test('beside another is refused with the id of the first', async () => {
    const held = new InMemoryPromotions({
      promotion: aPromotion({ version: servedVersion('3').version }),
    });
    await expect(startPromotion(request, starterOf(held).starter)).rejects.toMatchObject({
      status: 409,
      code: 'PROMOTION_RUNNING',
      details: ['promotion: m-p1'],
    });
  });

  test('at the same moment as another is one promotion', async () => {
    const held = new InMemoryPromotions({
      versions: [aVersion('1', { stage: 'production' }), aVersion('2'), aVersion('3')],
    });
    const { starter } = starterOf(held);
    const both = await Promise.allSettled([
      startPromotion(request, starter),
      startPromotion({ ...request, version: '3' }, starter),
      startPromotion(request, starter),
    ]);
    expect(both.map(({ status }) => status)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(both[1]).toMatchObject({ reason: { details: ['promotion: m-p1'] } });
    expect(held.promotions.size).toBe(1);
  });

  test.each<[string, Partial<InMemoryPromotions>, string]>([
    ['an unknown version', { versions: new Map() }, 'VERSION_NOT_FOUND'],
    ['the champion itself', { route: aRoute({ champion: servedVersion('2') }) }, 'VERSION_SERVES'],
    [
      'a version that was rejected',
      { versions: new Map([['2', aVersion('2', { stage: 'rejected' })]]) },
      'VERSION_NOT_PROMOTABLE',
    ],
  ])('of %s is refused, and leaves nothing behind', async (_, change, code) => {
    const held = Object.assign(new InMemoryPromotions(), change);
    await expect(startPromotion(request, starterOf(held).starter)).rejects.toMatchObject({ code });
    expect(held.promotions.size).toBe(0);
    expect(held.runs).toBeUndefined();
  });

  test('without a champion is refused', async () => {
    const held = new InMemoryPromotions();
    held.route = undefined;
    await expect(startPromotion(request, starterOf(held).starter)).rejects.toMatchObject({
      code: 'NO_CHAMPION',
    });
  });

  test('of a plan that is too slow says in how many days, unless that is accepted', async () => {
    const held = new InMemoryPromotions();
    const { starter } = starterOf(held, {
      forecast: async () => ({
        kind: 'too-slow',
        units: 9_000,
        newUnitsPerDay: 100,
        days: 92.4,
        maximumDays: 21,
      }),
    });
    await expect(startPromotion(request, starter)).rejects.toMatchObject({
      code: 'PLAN_TOO_SLOW',
      details: ['expectedDays: 93'],
    });
    const accepted = await startPromotion({ ...request, acceptSlow: true }, starter);
    expect(accepted.plannedUnits).toBe(9_000);
  });

  test('of a plan that nobody new comes to says that it never ends', async () => {
    const forecast = {
      kind: 'too-slow',
      units: 9_000,
      newUnitsPerDay: 0,
      days: Number.POSITIVE_INFINITY,
      maximumDays: 21,
    } as const;
    const { starter } = starterOf(new InMemoryPromotions(), { forecast: async () => forecast });
    await expect(startPromotion(request, starter)).rejects.toMatchObject({
      message: expect.stringContaining('at 0 new ones a day that never ends'),
      details: [],
    });
  });

  test('of a plan that evaluates offline pins where the validation set is', async () => {
    const spec = aPlannedModel([
      {
        kind: 'evaluate-offline',
        gates: [{ against: 'champion', metric: 'mae', margin: 0 }],
        slices: [],
      },
      ...STEPS,
    ]);
    const held = new InMemoryPromotions({ spec });
    await expect(startPromotion(request, starterOf(held).starter)).rejects.toMatchObject({
      code: 'NO_VALIDATION_SET',
    });
    const digest = 'd'.repeat(64) as Digest & DatasetDigest;
    const { starter } = starterOf(held, { validationSet: async () => ({ digest, epoch: 4 }) });
    expect((await startPromotion(request, starter)).dataset).toEqual({ digest, epoch: 4 });
  });
});

describe('a forecast', () => {
  const spec = aPlannedModel();
  const allNew = (units: number) => ({
    unitsPerDay: units,
    newUnitsPerDay: units,
    isSampled: false,
  });
  const traffic = { ...allNew(2_000), metrics: { mae: { mean: 5, variance: 4 } } };

  test('is of both arms, for the effect worth finding with 80 % power', () => {
    // (z(0.98) + z(0.8))² · 2 · 4 / (5 · 0.03)², an arm, rounded up.
    expect(unitsNeeded(spec, traffic)).toBe(5_962);
  });

  test('counts the days until the last of them are mature', () => {
    const forecast = forecastOf(spec, traffic);
    expect(forecast).toMatchObject({ kind: 'in-time', units: 5_962 });
    const { maturityHours } = spec.monitoring.outcomes;
    expect(forecast?.kind === 'in-time' && forecast.days).toBeCloseTo(
      5_962 / 1_000 + (50 + maturityHours) / 24,
    );
  });

  test('of little traffic is too slow, with the days it would take', () => {
    expect(forecastOf(spec, { ...traffic, ...allNew(100) })).toMatchObject({
      kind: 'too-slow',
      newUnitsPerDay: 50,
      maximumDays: 21,
    });
  });

  test('counts who returns once: half of 4,000 a day on the first, and half of 400 from then on', () => {
    const returning = { ...traffic, unitsPerDay: 4_000, newUnitsPerDay: 400 };
    const forecast = forecastOf(spec, returning);
    const { maturityHours } = spec.monitoring.outcomes;
    expect(forecast?.kind === 'too-slow' && forecast.days).toBeCloseTo(
      1 + (5_962 - 2_000) / 200 + (50 + maturityHours) / 24,
    );
    expect(forecastOf(spec, { ...returning, newUnitsPerDay: 0 })).toMatchObject({
      kind: 'too-slow',
      days: Number.POSITIVE_INFINITY,
    });
  });

  test('of a sample that would not do is unknown, and of one that does is in time', () => {
    const sampled = { ...traffic, isSampled: true };
    expect(forecastOf(spec, sampled)?.kind).toBe('in-time');
    expect(forecastOf(spec, { ...sampled, ...allNew(100), isSampled: true })).toMatchObject({
      kind: 'unknown',
      reason: expect.stringContaining('more requests come than are read'),
    });
  });

  test('of no traffic, or no outcomes, is unknown', () => {
    expect(forecastOf(spec, undefined)?.kind).toBe('unknown');
    const costPerThousand = { mean: 2, variance: 4 };
    expect(
      forecastOf(aDecliningModel(), { ...allNew(10), metrics: { costPerThousand } }),
    ).toMatchObject({ kind: 'unknown', reason: expect.stringContaining('accepted at random') });
    expect(forecastOf(spec, { ...allNew(10), metrics: {} })?.kind).toBe('unknown');
  });

  test('is of no plan without an A/B test', () => {
    expect(
      forecastOf(aPlannedModel([{ kind: 'smoke-test' }, { kind: 'production' }]), traffic),
    ).toBe(undefined);
  });
});

describe('ideas', () => {
  test('are counted by the quarter of UTC they began in', () => {
    expect(quarterOf({ startedAt: instantOf(Date.UTC(2026, 8, 30, 23, 59)) })).toBe('2026-Q3');
    expect(quarterOf({ startedAt: instantOf(Date.UTC(2026, 9, 1)) })).toBe('2026-Q4');
  });

  test('that are undecided or running are no part of the share of good ones', () => {
    const idea = (kind: 'good' | 'bad' | 'undecided') =>
      aPromotion({ state: 'promoted', idea: kind, startedAt: instantOf(START_MS) });
    expect(
      countIdeas(
        [idea('good'), idea('bad'), idea('bad'), idea('undecided'), aPromotion()],
        '2026-Q4',
      ),
    ).toEqual({ quarter: '2026-Q4', good: 1, bad: 2, undecided: 1, running: 1, goodShare: 1 / 3 });
    expect(countIdeas([aPromotion()], '2026-Q4')).not.toHaveProperty('goodShare');
    expect(countIdeas([idea('good')], '2026-Q3')).toMatchObject({ good: 0 });
  });
});
