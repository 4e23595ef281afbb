import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { meansOfArms } from '../../functions/measures/arm-effect.ts';
import { type SeededRandom, seededRandom } from '../../functions/measures/seeded-random.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { type Measured, mergeTotals, sumsOf } from '../../functions/promote/arm-sums.ts';
import { judgeLook, testPlanOf } from '../../functions/promote/look-judgement.ts';
import { type UnitRow, unitMetric } from '../../functions/promote/unit-metrics.ts';
import { type RowsOfUnit, totalsOfRows } from './judged-units.ts';

const mae: Measured = { unitMetric: unitMetric('mae', deliveryTime), kind: 'mean' };
const share: Measured = {
  unitMetric: unitMetric('withinToleranceShare', deliveryTime),
  kind: 'ratio',
};

const row = (absoluteError: number, withinTolerance = 0): UnitRow => ({
  requests: 1,
  latencyMs: 10,
  failed: 0,
  fellBack: 0,
  components: { labels: 1, absoluteError, withinTolerance },
});
const unscored: UnitRow = { requests: 1, latencyMs: 10, failed: 0, fellBack: 0 };

describe('the sums of an arm', () => {
  it('count a unit once, whatever number of rows it has', () => {
    const units: RowsOfUnit[] = [
      { arm: 'champion', covariate: 20, rows: [row(2), row(4)] },
      { arm: 'challenger', covariate: 30, rows: [row(1)] },
    ];
    const { arms } = sumsOf(mae, totalsOfRows(units, [mae]));
    expect(arms.champion).toEqual({ n: 1, sy: 3, syy: 9, sx: 20, sxx: 400, sxy: 60 });
    expect(arms.challenger).toEqual({ n: 1, sy: 1, syy: 1, sx: 30, sxx: 900, sxy: 30 });
  });

  it('are of numerator and denominator where the metric is a ratio', () => {
    const units: RowsOfUnit[] = [
      { arm: 'champion', covariate: undefined, rows: [row(2, 1), row(9, 0), row(3, 1)] },
    ];
    const { arms, events } = sumsOf(share, totalsOfRows(units, [share]));
    expect(arms.champion).toMatchObject({ n: 1, sy: 2, sx: 3, sxy: 6 });
    expect(events?.champion).toEqual({ with: 1, without: 0 });
  });

  it('leave out units of which nothing is known yet', () => {
    const units: RowsOfUnit[] = [{ arm: 'champion', covariate: 1, rows: [unscored] }];
    expect(sumsOf(mae, totalsOfRows(units, [mae])).arms.champion.n).toBe(0);
  });

  it('give a unit without a covariate the mean of the others', () => {
    const units: RowsOfUnit[] = [
      { arm: 'champion', covariate: 10, rows: [row(1)] },
      { arm: 'challenger', covariate: 30, rows: [row(1)] },
      { arm: 'challenger', covariate: undefined, rows: [row(5)] },
    ];
    const { arms, covariateShare } = sumsOf(mae, totalsOfRows(units, [mae]));
    expect(covariateShare).toBeCloseTo(2 / 3);
    expect(arms.challenger).toMatchObject({ n: 2, sx: 50, sxx: 1300, sxy: 30 + 5 * 20 });
  });

  it('merge day by day into what they are over all days', () => {
    const unit = fc.record({
      arm: fc.constantFrom('champion', 'challenger'),
      covariate: fc.option(fc.integer({ min: 0, max: 60 }), { nil: undefined }),
      rows: fc.array(
        fc.integer({ min: 0, max: 30 }).map((error) => row(error, Number(error < 6))),
        { maxLength: 3 },
      ),
    });
    fc.assert(
      fc.property(fc.array(unit), fc.array(unit), (monday, tuesday) => {
        const days = mergeTotals(
          totalsOfRows(monday, [mae, share]),
          totalsOfRows(tuesday, [mae, share]),
        );
        const all = totalsOfRows([...tuesday, ...monday], [mae, share]);
        for (const each of [mae, share]) {
          const [merged, whole] = [sumsOf(each, days), sumsOf(each, all)];
          for (const arm of ['champion', 'challenger'] as const)
            for (const [name, value] of Object.entries(whole.arms[arm]))
              expect(merged.arms[arm][name as 'n']).toBeCloseTo(value, 6);
        }
      }),
    );
  });
});

describe('a covariate that large orders lose', () => {
  type Arm = RowsOfUnit['arm'];
  const EXPERIMENTS = 300;

  /** Errors grow with the order alone, whatever the arm. @param losing arms whose large orders lose theirs. */
  const unitOf = (random: SeededRandom, arm: Arm, losing: readonly Arm[]): RowsOfUnit => {
    const size = 40 * random.next();
    const isLost = size > 30 && losing.includes(arm);
    const error = 10 + size / 4 + 2 * random.normal();
    return { arm, covariate: isLost ? undefined : size, rows: [row(error)] };
  };

  /** z of the difference between equal arms, an experiment. */
  function scoresOf(losing: readonly Arm[]): number[] {
    const random = seededRandom(20_261_127, 'orders');
    return Array.from({ length: EXPERIMENTS }, () => {
      const units = Array.from({ length: 400 }, (_, at) =>
        unitOf(random, at % 2 === 0 ? 'champion' : 'challenger', losing),
      );
      const { arms, covariateShare } = sumsOf(mae, totalsOfRows(units, [mae]));
      const means = meansOfArms(arms, covariateShare);
      if (means?.theta === undefined) throw new Error('the covariate was of no use');
      const { champion, challenger } = means;
      return (
        (challenger.value - champion.value) /
        Math.hypot(...[champion, challenger].map(({ variance }) => Math.sqrt(variance)))
      );
    });
  }
  const meanOf = (values: readonly number[]) =>
    values.reduce((sum, value) => sum + value, 0) / values.length;

  it('in both arms leaves equal arms equal', () => {
    const scores = scoresOf(['champion', 'challenger']);
    // Four standard errors, of the mean and of a share of 5 %.
    expect(Math.abs(meanOf(scores))).toBeLessThan(4 / Math.sqrt(EXPERIMENTS));
    const significant = meanOf(scores.map((z) => Number(Math.abs(z) > 1.96)));
    expect(significant).toBeLessThan(0.05 + 4 * Math.sqrt((0.05 * 0.95) / EXPERIMENTS));
  });

  it('in one arm alone would make a difference of nothing', () => {
    expect(meanOf(scoresOf(['challenger']))).toBeGreaterThan(1.96);
  });
});

describe('a metric between arms', () => {
  it('of latency is the share of requests above its objective', () => {
    const { termsOf, direction } = unitMetric('latencyP99Ms', searchRanking);
    expect(termsOf({ ...unscored, latencyMs: 251 })).toEqual({ top: 1, bottom: 1 });
    expect(termsOf({ ...unscored, latencyMs: 250 })).toEqual({ top: 0, bottom: 1 });
    expect(direction).toBe(-1);
  });

  it('of a root has its margin squared', () => {
    expect(unitMetric('rmse', deliveryTime).marginOf(0.1)).toBeCloseTo(0.21);
  });

  it.each(['bias', 'averagePrecision', 'errorShare', 'throttledShare'])(
    'cannot be %s, which is no mean over units',
    (metric) => {
      expect(() => unitMetric(metric, deliveryTime)).toThrow(metric);
    },
  );
});

it('a look is judged from its kept sums alone', () => {
  const step = deliveryTime.promotion.steps.find(({ kind }) => kind === 'ab');
  if (step?.kind !== 'ab') throw new Error('delivery-time has an A/B step');
  const plan = testPlanOf(step, deliveryTime, 2000);
  const arm = (mean: number) => ({
    n: 1000,
    sy: 1000 * mean,
    syy: 1000 * (mean ** 2 + 4),
    sx: 0,
    sxx: 0,
    sxy: 0,
  });
  const within = (count: number) => ({
    n: 1000,
    sy: count,
    syy: count,
    sx: 1000,
    sxx: 1000,
    sxy: count,
  });
  const counts = { with: 700, without: 300 };
  const evidence = {
    days: 8,
    alarms: { champion: [], challenger: [] },
    rareEvents: { challenger: 0, total: 0, share: 0.5 },
    exposed: { champion: 1000, challenger: 1000 },
    mixedUnits: 0,
    data: 'complete' as const,
    incompleteHours: 0,
    hasSucceeded: false,
    metrics: [
      {
        metric: 'mae',
        kind: 'mean' as const,
        arms: { champion: arm(5), challenger: arm(4) },
        covariateShare: 0,
      },
      {
        metric: 'withinToleranceShare',
        kind: 'ratio' as const,
        arms: { champion: within(700), challenger: within(760) },
        covariateShare: 0,
        events: { champion: counts, challenger: counts },
      },
    ],
  };
  expect(judgeLook(plan, evidence)).toMatchObject({ verdict: 'PROMOTE', rule: 'success' });
  const copy = JSON.parse(JSON.stringify(evidence)) as typeof evidence;
  expect(judgeLook(plan, copy)).toEqual(judgeLook(plan, evidence));
});
