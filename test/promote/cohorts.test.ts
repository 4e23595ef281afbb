import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Instant } from '../../functions/contracts/instant.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import { sumsOf } from '../../functions/promote/arm-sums.ts';
import {
  cohortOf,
  hoursBetween,
  isHourOver,
  isInWindow,
  matureCohorts,
} from '../../functions/promote/cohorts.ts';
import { cohortEvidence } from '../../functions/promote/evidence.ts';
import { measuredBy } from '../../functions/promote/look-judgement.ts';
import { shardOf } from '../../functions/record/join-keys.ts';
import { epochMsOf, instantOf } from '../../functions/runtime/clock.ts';
import { START_MS } from '../builders/route.ts';
import { ask, InMemoryLookers } from './in-memory-lookers.ts';
import { aPlannedModel, aPromotion, InMemoryPromotions, PLACE } from './in-memory-promotions.ts';
import { totalsOfRows } from './judged-units.ts';

const HOUR_MS = 3_600_000;
const at = (text: string): Instant => text as Instant;

describe('a cohort', () => {
  test('is mature when its last unit’s window and outcomes are over, and what is on its way has come', () => {
    const since = at('2026-11-23T18:00:00.000Z');
    const matureMs = epochMsOf(at('2026-11-23T00:00:00.000Z')) + (50 + 3) * HOUR_MS;
    expect(matureCohorts(since, matureMs - 1, 3)).toEqual([]);
    expect(matureCohorts(since, matureMs, 3)).toEqual(['2026-11-23']);
    expect(matureCohorts(since, matureMs + 24 * HOUR_MS, 3)).toEqual(['2026-11-23', '2026-11-24']);
  });

  test('counts requests of 24 hours from the first, and none before it', () => {
    const first = at('2026-11-23T18:00:00.000Z');
    expect(isInWindow(first, first)).toBe(true);
    expect(isInWindow(at('2026-11-24T17:59:59.999Z'), first)).toBe(true);
    expect(isInWindow(at('2026-11-24T18:00:00.000Z'), first)).toBe(false);
    expect(isInWindow(at('2026-11-23T17:59:59.999Z'), first)).toBe(false);
  });

  test('is of the day of UTC', () => {
    expect(cohortOf(at('2026-11-23T23:59:59.999Z'))).toBe('2026-11-23');
  });
});

test('an hour is over once its records have arrived', () => {
  const endMs = epochMsOf(at('2026-11-23T19:00:00.000Z'));
  expect(isHourOver('2026-11-23T18', endMs + 2 * HOUR_MS - 1)).toBe(false);
  expect(isHourOver('2026-11-23T18', endMs + 2 * HOUR_MS)).toBe(true);
});

test('the hours of a span are those it overlaps', () => {
  const ms = epochMsOf(at('2026-11-23T23:30:00.000Z'));
  expect(hoursBetween(ms, ms + HOUR_MS)).toEqual(['2026-11-23T23', '2026-11-24T00']);
  expect(hoursBetween(ms, ms - HOUR_MS)).toEqual([]);
});

interface Asked {
  readonly unit: string;
  readonly arm: 'champion' | 'challenger';
  readonly atMs: number;
  readonly error: number;
}

/** Two days of requests; a unit keeps its arm. */
const traffic = fc
  .array(
    fc.record({
      number: fc.integer({ min: 0, max: 11 }),
      atMs: fc.integer({ min: START_MS, max: START_MS + 2 * 24 * HOUR_MS }),
      error: fc.integer({ min: 0, max: 30 }),
    }),
    { maxLength: 40 },
  )
  .map((requests) =>
    requests.map(
      ({ number, ...rest }): Asked => ({
        unit: `u${number}`,
        arm: number % 2 === 0 ? 'champion' : 'challenger',
        ...rest,
      }),
    ),
  );

/** What the sums must be, from the requests alone. */
function fromScratch(requests: readonly Asked[]) {
  const measured = measuredBy(abStep, spec);
  const units = [...Map.groupBy(requests, ({ unit }) => unit).values()].map((own) => {
    const firstMs = Math.min(...own.map(({ atMs }) => atMs));
    const inWindow = own.filter(({ atMs }) => atMs < firstMs + 24 * HOUR_MS);
    const moments = new Map(inWindow.map(({ atMs, error }) => [atMs, error]));
    return {
      arm: own[0]?.arm ?? 'champion',
      covariate: undefined,
      rows: [...moments.values()].map((absoluteError) => ({
        requests: 1,
        latencyMs: 10,
        failed: 0,
        fellBack: 0,
        components: { labels: 1, absoluteError },
      })),
    };
  });
  return measured.map((each) => sumsOf(each, totalsOfRows(units, measured)));
}

const spec = aPlannedModel();
const abStep = abStepOf(spec.promotion.steps);

function abStepOf(steps: readonly PlanStep[]): Extract<PlanStep, { kind: 'ab' }> {
  const step = steps[PLACE.ab.step];
  if (step?.kind !== 'ab') throw new Error('the plan of the tests has an A/B step');
  return step;
}

test('the sums of arms are those of the requests, in any order and however often delivered', async () => {
  await fc.assert(
    fc.asyncProperty(traffic, fc.infiniteStream(fc.nat()), async (drawn, random) => {
      // One request of a unit a moment, as ids of predictions make sure.
      const requests = [
        ...new Map(drawn.map((each) => [`${each.unit} ${each.atMs}`, each])).values(),
      ];
      const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.ab }) });
      const looking = new InMemoryLookers(held);
      const deliveries = [...requests, ...requests.slice(0, 20)]
        .map((request) => [random.next().value ?? 0, request] as const)
        .toSorted(([one], [other]) => one - other);
      for (const [, { unit, arm, atMs, error }] of deliveries)
        ask(looking.units, unit, arm, instantOf(atMs), {
          components: { labels: 1, absoluteError: error },
        });
      const nowMs = START_MS + 10 * 24 * HOUR_MS;
      const subject = { promotion: held.promotion, spec, nowMs };
      const { metrics } = await cohortEvidence(
        subject,
        measuredBy(abStep, spec),
        false,
        looking.lookers,
      );
      const expected = fromScratch(requests);
      metrics.forEach(({ arms }, metric) => {
        for (const arm of ['champion', 'challenger'] as const)
          for (const [name, value] of Object.entries(arms[arm]))
            expect(value).toBeCloseTo(expected[metric]?.arms[arm][name as 'n'] ?? Number.NaN, 6);
      });
    }),
    { numRuns: 50 },
  );
});

test('a cohort whose reading is cut off goes on with the shards that are left', async () => {
  const held = new InMemoryPromotions({ promotion: aPromotion({ place: PLACE.ab }) });
  const { units, lookers } = new InMemoryLookers(held);
  const names = Array.from({ length: 100 }, (_, number) => `u${number}`);
  for (const name of names)
    ask(units, name, 'champion', instantOf(START_MS), {
      components: { labels: 1, absoluteError: 1 },
    });
  const subject = { promotion: held.promotion, spec, nowMs: START_MS + 3 * 24 * HOUR_MS };
  const look = () => cohortEvidence(subject, measuredBy(abStep, spec), false, lookers);
  units.outage = new Error('Rate exceeded');
  units.outageOfShard = LIMITS.keyShards - 1;
  expect(await look()).toMatchObject({ data: 'failed' });
  const kept = () => [...held.frozen.keys()].filter((name) => name.startsWith('cohort#'));
  await expect.poll(() => kept().length).toBe(LIMITS.keyShards - 1);
  units.outage = undefined;
  // Whoever reads a shard again finds nothing there.
  for (const name of names)
    if (shardOf(name) < LIMITS.keyShards - 1)
      units.contributed.delete(`${name}#${name} ${instantOf(START_MS)}#0`);
  const { data, metrics } = await look();
  expect(data).toBe('complete');
  expect(metrics[0]?.arms.champion.n).toBe(names.length);
});
