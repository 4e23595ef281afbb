import { describe, expect, test } from 'vitest';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import { ratioOfUnits } from '../../functions/measures/arm-effect.ts';
import { metricValue, scoreClassification } from '../../functions/measures/row-score.ts';
import { type SeededRandom, seededRandom } from '../../functions/measures/seeded-random.ts';
import { type Measured, sumsOf } from '../../functions/promote/arm-sums.ts';
import type { LookEvidence } from '../../functions/promote/look.ts';
import { judgeLook, measuredBy, testPlanOf } from '../../functions/promote/look-judgement.ts';
import type { UnitRow } from '../../functions/promote/unit-metrics.ts';
import { isAccepted } from '../../functions/serve/random-acceptance.ts';
import { ACCEPTING_TEST, aDecliningModel } from '../builders/declining-model.ts';
import { type RowsOfUnit, totalsOfRows } from './judged-units.ts';

const step = {
  ...ACCEPTING_TEST,
  guardrails: ['recall', 'precision', 'brier'].map((metric) => ({ metric, margin: 0.1 })),
} satisfies PlanStep;
const spec = aDecliningModel();
const { task } = spec;
if (task.kind !== 'classification') throw new Error('it is a classifier');
const measured = measuredBy(step, spec);
const METRICS = ['costPerThousand', 'recall', 'precision', 'brier'] as const;

/** A row with what really would come of it, and the chance to see that. */
interface TrueRow {
  readonly row: UnitRow;
  readonly isHidden: boolean;
}

/** Units that differ in how risky they are, each with some rows; who is declined is mostly bad. */
function drawUnits(random: SeededRandom, units: number, share: number, draw: string): TrueRow[][] {
  return Array.from({ length: units }, (_, unit) => {
    const riskiness = random.next();
    return Array.from({ length: 1 + random.integer(6) }, (__, at): TrueRow => {
      const risk = Math.min(Math.max(0.35 * riskiness + random.next() * 0.6, 0.01), 0.99);
      const outcome = random.next() < risk ** 1.5 ? 'bad' : 'good';
      const components = scoreClassification(task as never, { risk }, outcome, undefined) ?? {};
      const isDeclined = risk >= 0.5;
      const acceptance = { promotion: 'm-p1', basisPoints: share * 10_000 };
      const isDrawn = isDeclined && isAccepted(acceptance, `${draw}-${unit}`, at);
      const about = { requests: 1, latencyMs: 1, failed: 0, fellBack: 0, components };
      return {
        row: isDrawn ? { ...about, propensity: share } : about,
        isHidden: isDeclined && !isDrawn,
      };
    });
  });
}

/** One arm's value of each metric, and its standard error. */
function valuesOf(units: readonly (readonly UnitRow[])[]) {
  const judged = units.map((rows): RowsOfUnit => ({ arm: 'champion', covariate: undefined, rows }));
  const totals = totalsOfRows(judged, measured);
  const named = measured.map((each) => {
    const value = ratioOfUnits(sumsOf(each, totals).arms.champion);
    return [each.unitMetric.metric, value] as const;
  });
  return new Map(named);
}

const seen = (units: readonly (readonly TrueRow[])[]): UnitRow[][] =>
  units.map((rows) => rows.filter(({ isHidden }) => !isHidden).map(({ row }) => row));
const unweighted = (rows: readonly UnitRow[]): UnitRow[] =>
  rows.map(({ propensity: _chance, ...row }) => row);
const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

describe('arms in which declined rows are accepted at random', () => {
  const TRIALS = 150;
  const trials = Array.from({ length: TRIALS }, (_, trial) => {
    const units = drawUnits(seededRandom(7, `trial ${trial}`), 1_500, 0.1, `p${trial}`);
    return {
      truth: valuesOf(units.map((rows) => unweighted(rows.map(({ row }) => row)))),
      weighted: valuesOf(seen(units)),
      naive: valuesOf(seen(units).map(unweighted)),
    };
  });
  const valueIn = (by: keyof (typeof trials)[number], metric: string): number[] =>
    trials.map((trial) => trial[by].get(metric)?.value ?? Number.NaN);
  /** Relative, on average over all trials. */
  const biasOf = (by: 'weighted' | 'naive', metric: string): number => {
    const truth = valueIn('truth', metric);
    return mean(valueIn(by, metric).map((value, at) => value / (truth[at] ?? 0) - 1));
  };

  test.each(METRICS)('say what %s is over all rows', (metric) => {
    const truth = valueIn('truth', metric);
    const errors = valueIn('weighted', metric).map((value, at) => value / (truth[at] ?? 0) - 1);
    const noise = Math.sqrt(mean(errors.map((error) => error ** 2)) / TRIALS);
    expect(Math.abs(biasOf('weighted', metric))).toBeLessThan(4 * noise);
    expect(noise).toBeLessThan(0.01);
  });

  test.each(['costPerThousand', 'recall', 'brier'])(
    'which the rows that are seen do not say of %s',
    (metric) => {
      expect(Math.abs(biasOf('naive', metric))).toBeGreaterThan(0.1);
    },
  );

  test.each(METRICS)('say how uncertain %s is: intervals hold as often as they say', (metric) => {
    const really = mean(valueIn('truth', metric));
    const held = trials.filter(({ weighted }) => {
      const { value = Number.NaN, variance = 0 } = weighted.get(metric) ?? {};
      return Math.abs(value - really) <= 1.96 * Math.sqrt(variance);
    });
    expect(held.length / TRIALS).toBeGreaterThan(0.88);
    expect(held.length / TRIALS).toBeLessThan(0.995);
  });

  test('add up to the whole where every declined row is accepted', () => {
    const units = drawUnits(seededRandom(1, 'whole'), 200, 1, 'whole');
    const whole = units.map((rows) => unweighted(rows.map(({ row }) => row)));
    expect(valuesOf(seen(units))).toEqual(valuesOf(whole));
    const sums = whole.flat().reduce<Record<string, number>>((all, { components = {} }) => {
      for (const [name, value] of Object.entries(components)) all[name] = (all[name] ?? 0) + value;
      return all;
    }, {});
    for (const metric of METRICS) {
      const scale = metric === 'costPerThousand' ? 1000 : 1;
      expect(scale * (valuesOf(whole).get(metric)?.value ?? 0)).toBeCloseTo(
        metricValue(metric, sums) ?? Number.NaN,
        9,
      );
    }
  });
});

describe('a look at such arms', () => {
  /** Units of both arms, of which some have a row that was accepted at random and was no miss. */
  const evidenceOf = (accepted: number): LookEvidence => {
    const about = { requests: 1, latencyMs: 1, failed: 0, fellBack: 0 };
    const units = (['champion', 'challenger'] as const).flatMap((arm) =>
      Array.from({ length: 400 }, (_, at): RowsOfUnit => {
        const cost = arm === 'champion' && at % 2 === 0 ? 5 : 0;
        const rows: UnitRow[] = [{ ...about, components: { labels: 1, cost } }];
        if (at < accepted)
          rows.push({ ...about, propensity: 0.1, components: { labels: 1, cost: 1 } });
        return { arm, covariate: undefined, rows };
      }),
    );
    const judged: Measured[] = measuredBy({ ...step, guardrails: [] }, spec);
    const totals = totalsOfRows(units, judged);
    return {
      days: 8,
      alarms: { champion: [], challenger: [] },
      exposed: { champion: 400, challenger: 400 },
      mixedUnits: 0,
      data: 'complete',
      incompleteHours: 0,
      hasSucceeded: false,
      metrics: judged.map((each) => sumsOf(each, totals)),
    };
  };
  const plan = testPlanOf({ ...step, guardrails: [] }, spec, 800);

  test('waits for units that were accepted in both arms, however many units there are', () => {
    expect(judgeLook(plan, evidenceOf(24))).toMatchObject({ rule: 'minimum-sample' });
    expect(judgeLook(plan, evidenceOf(25))).toMatchObject({ verdict: 'PROMOTE' });
  });

  test('counts units by what was seen, not by what it stands for', () => {
    const [sums] = evidenceOf(30).metrics;
    expect(sums?.acceptedUnits).toEqual({ champion: 30, challenger: 30 });
    expect(sums?.arms.challenger).toMatchObject({ n: 400, sy: 300, sx: 400 + 300 });
  });
});
