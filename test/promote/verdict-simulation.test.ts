import { expect, test } from 'vitest';
import type { Arms } from '../../functions/measures/arm-effect.ts';
import { meanOfUnits } from '../../functions/measures/arm-effect.ts';
import { unitsForDifference } from '../../functions/measures/sample-size.ts';
import type { SeededRandom } from '../../functions/measures/seeded-random.ts';
import { mergeUnits, NO_UNITS, type UnitSums } from '../../functions/measures/unit-sums.ts';
import type { MeasuredMetric, TestPlan } from '../../functions/promote/test-plan.ts';
import { judge } from '../../functions/promote/verdict.ts';
import { endingShares } from './ending-shares.ts';

/**
 * The whole decision rule over seeded experiments with a look a day: a purchase share of 10 %, planned for
 * the sample at which a fixed test at 5 % finds 11 % with a power of 80 %.
 */
const DAYS = 14;
const CHAMPION = 0.1;
const unitsPerArm = unitsForDifference({
  alpha: 0.05,
  power: 0.8,
  variances: [0.1 * 0.9, 0.11 * 0.89],
  difference: 0.01,
});
const plan: TestPlan = {
  metric: 'purchaseShare',
  direction: 1,
  guardrails: [],
  plannedUnits: 2 * unitsPerArm,
  minimumDays: 0,
  maximumDays: DAYS,
};

const dayOf = (random: SeededRandom, share: number): UnitSums => {
  const n = Math.ceil(unitsPerArm / DAYS);
  let bought = 0;
  for (let unit = 0; unit < n; unit++) bought += Number(random.next() < share);
  return { ...NO_UNITS, n, sy: bought, syy: bought };
};

const measuredOf = (sums: Arms<UnitSums>): MeasuredMetric | undefined => {
  const champion = meanOfUnits(sums.champion);
  const challenger = meanOfUnits(sums.challenger);
  if (!champion || !challenger) return undefined;
  return { arms: { champion, challenger }, isSampleLarge: sums.challenger.sy >= 25 };
};

/** The verdict that ends one experiment. */
function experiment(random: SeededRandom, challengerShare: number): string {
  let sums: Arms<UnitSums> = { champion: NO_UNITS, challenger: NO_UNITS };
  let hasSucceeded = false;
  for (let days = 1; days <= DAYS; days++) {
    sums = {
      champion: mergeUnits(sums.champion, dayOf(random, CHAMPION)),
      challenger: mergeUnits(sums.challenger, dayOf(random, challengerShare)),
    };
    const measured = measuredOf(sums);
    const found = judge(plan, {
      days,
      alarms: { challenger: [], champion: [] },
      rareEvents: undefined,
      exposed: { champion: sums.champion.n, challenger: sums.challenger.n },
      mixedUnits: 0,
      data: 'complete',
      incompleteHours: 0,
      metrics: new Map(measured ? [['purchaseShare', measured]] : []),
      hasSucceeded,
    });
    hasSucceeded = found.hasSucceeded;
    if (found.verdict !== 'CONTINUE') return found.verdict;
  }
  return 'UNENDED';
}

const shares = (challengerShare: number, experiments: number) =>
  endingShares(experiments, 'units', (random) => experiment(random, challengerShare));

test('of 2,000 experiments without a difference at most 5 % are promoted and at most 5 % rolled back', () => {
  const { PROMOTE = 0, ROLLBACK = 0, INCONCLUSIVE = 0, UNENDED } = shares(CHAMPION, 2000);
  expect(UNENDED).toBeUndefined();
  expect(PROMOTE).toBeLessThanOrEqual(0.05);
  expect(ROLLBACK).toBeLessThanOrEqual(0.05);
  expect(INCONCLUSIVE).toBeGreaterThan(0.9);
});

test('a difference that was planned for is found in 77 % of experiments, give or take 3 points', () => {
  const { PROMOTE = 0 } = shares(0.11, 2000);
  expect(Math.abs(PROMOTE - 0.77)).toBeLessThanOrEqual(0.03);
});

test('a challenger that is worse by the same is hardly ever promoted, and one in four is rolled back early', () => {
  const { PROMOTE = 0, ROLLBACK = 0 } = shares(0.09, 500);
  expect(PROMOTE).toBeLessThanOrEqual(0.002);
  expect(ROLLBACK).toBeGreaterThan(0.2);
});
