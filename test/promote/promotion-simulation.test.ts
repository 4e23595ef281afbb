import { expect, test } from 'vitest';
import { type Arms, meanOfUnits } from '../../functions/measures/arm-effect.ts';
import type { SeededRandom } from '../../functions/measures/seeded-random.ts';
import { mergeUnits, NO_UNITS, type UnitSums } from '../../functions/measures/unit-sums.ts';
import { FEWEST_EVENTS } from '../../functions/promote/look-judgement.ts';
import {
  type Evidence,
  type MeasuredMetric,
  SMALLEST_SAMPLE,
  type TestPlan,
  watchPlan,
} from '../../functions/promote/test-plan.ts';
import { type Judgement, judge } from '../../functions/promote/verdict.ts';
import { endingShares } from './ending-shares.ts';

/**
 * A whole way to production, seeded: three rungs of a pilot and an A/B test with a look a day, guardrails
 * with and without a margin, and failures that are told from the first request on.
 */
interface Behaviour {
  readonly buys: number;
  readonly rates: number;
  readonly meetsSlow: number;
  readonly fails: number;
}
const CHAMPION: Behaviour = { buys: 0.1, rates: 0.5, meetsSlow: 0.05, fails: 0.002 };

const GUARDRAILS: TestPlan['guardrails'] = [
  { metric: 'rates', margin: 0.05, direction: 1 },
  { metric: 'meetsSlow', margin: 0, direction: -1 },
];
const PILOT = watchPlan(GUARDRAILS, 1);
/** Units an arm at each look of a rung. */
const RUNGS = [50, 150, 500];
const LOOKS_OF_RUNG = 6;
const DAYS = 14;
/** 14,749 an arm are planned where 11 % are to be told from 10 %. */
const UNITS_OF_DAY = 1_054;
const TEST: TestPlan = {
  metric: 'buys',
  direction: 1,
  guardrails: GUARDRAILS,
  plannedUnits: 2 * DAYS * UNITS_OF_DAY,
  minimumDays: 0,
  maximumDays: DAYS,
};

type Tally = Readonly<Record<keyof Behaviour | 'units', number>>;
const NOTHING: Tally = { units: 0, buys: 0, rates: 0, meetsSlow: 0, fails: 0 };

function ask(random: SeededRandom, behaviour: Behaviour, units: number, before: Tally): Tally {
  const tally = { ...before, units: before.units + units };
  for (let unit = 0; unit < units; unit++) {
    tally.buys += Number(random.next() < behaviour.buys);
    tally.rates += Number(random.next() < behaviour.rates);
    tally.meetsSlow += Number(random.next() < behaviour.meetsSlow);
    tally.fails += Number(random.next() < behaviour.fails);
  }
  return tally;
}

function measuredOf(metric: keyof Behaviour, arms: Arms<Tally>): MeasuredMetric | undefined {
  const sumsOf = (tally: Tally): UnitSums =>
    mergeUnits(NO_UNITS, {
      ...NO_UNITS,
      n: tally.units,
      sy: tally[metric],
      syy: tally[metric],
    });
  const champion = meanOfUnits(sumsOf(arms.champion));
  const challenger = meanOfUnits(sumsOf(arms.challenger));
  if (!champion || !challenger) return undefined;
  const events = [arms.champion, arms.challenger].map((tally) => tally[metric]);
  const isSampleLarge =
    arms.champion.units >= SMALLEST_SAMPLE && Math.min(...events) >= FEWEST_EVENTS;
  return { arms: { champion, challenger }, isSampleLarge };
}

function look(plan: TestPlan, days: number, arms: Arms<Tally>, hasSucceeded: boolean): Judgement {
  const { champion, challenger } = arms;
  const total = champion.fails + challenger.fails;
  const metrics: Evidence['metrics'] = new Map(
    (['buys', 'rates', 'meetsSlow'] as const).flatMap((metric) => {
      const measured = measuredOf(metric, arms);
      return measured ? [[metric, measured] as const] : [];
    }),
  );
  return judge(plan, {
    days,
    alarms: { challenger: [], champion: [] },
    rareEvents: { challenger: challenger.fails, total, share: 0.5 },
    exposed: { champion: champion.units, challenger: challenger.units },
    mixedUnits: 0,
    data: 'complete',
    incompleteHours: 0,
    metrics,
    hasSucceeded,
  });
}

/** Looks of one place until one ends it; each place reads nothing from before. */
function pass(random: SeededRandom, challenger: Behaviour, plan: TestPlan, units: number): string {
  let arms: Arms<Tally> = { champion: NOTHING, challenger: NOTHING };
  let hasSucceeded = false;
  const looks = plan === TEST ? DAYS : LOOKS_OF_RUNG;
  for (let at = 1; at <= looks; at++) {
    arms = {
      champion: ask(random, CHAMPION, units, arms.champion),
      challenger: ask(random, challenger, units, arms.challenger),
    };
    const days = plan === TEST ? at : at / (LOOKS_OF_RUNG + 1);
    const found = look(plan, days, arms, hasSucceeded);
    hasSucceeded = found.hasSucceeded;
    if (found.verdict === 'ROLLBACK' || (plan === TEST && found.verdict !== 'CONTINUE'))
      return found.verdict;
  }
  return plan === TEST ? 'UNENDED' : 'PASS';
}

function promote(random: SeededRandom, challenger: Behaviour): string {
  for (const units of RUNGS)
    if (pass(random, challenger, PILOT, units) === 'ROLLBACK') return 'ROLLBACK IN PILOT';
  return pass(random, challenger, TEST, UNITS_OF_DAY);
}

const shares = (challenger: Behaviour, promotions: number) =>
  endingShares(promotions, 'promotions', (random) => promote(random, challenger));

const IS_FULL = process.env['SLIPWAY_FULL'] === '1';
/** All of them take half a minute. */
const PROMOTIONS = IS_FULL ? 2_000 : 200;

test('of promotions without a difference at most 5 % end in production and at most 5 % are taken back', () => {
  const found = shares(CHAMPION, PROMOTIONS);
  expect(found['UNENDED']).toBeUndefined();
  expect(found['PROMOTE'] ?? 0).toBeLessThanOrEqual(0.05);
  expect((found['ROLLBACK'] ?? 0) + (found['ROLLBACK IN PILOT'] ?? 0)).toBeLessThanOrEqual(0.05);
});

test.runIf(IS_FULL)(
  'a difference that was planned for is found in 77 %, give or take 3 points, on the whole way too',
  () => {
    const { PROMOTE = 0 } = shares({ ...CHAMPION, buys: 0.11 }, PROMOTIONS);
    expect(Math.abs(PROMOTE - 0.77)).toBeLessThanOrEqual(0.03);
  },
);

test.each<[string, Partial<Behaviour>, string, number]>([
  ['fails ten times as often', { fails: 0.02 }, 'ROLLBACK IN PILOT', 0.99],
  ['is slow more often, where no margin is allowed', { meetsSlow: 0.1 }, 'ROLLBACK IN PILOT', 0.9],
  ['is worse than the margin of a guardrail', { rates: 0.4 }, 'ROLLBACK IN PILOT', 0.8],
])('a version that %s is taken back before the test', (_, worse, ending, atLeast) => {
  const found = shares({ ...CHAMPION, ...worse }, 200);
  expect(found[ending]).toBeGreaterThan(atLeast);
  expect(found['PROMOTE']).toBeUndefined();
});
