import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  componentName,
  componentsOf,
  METRIC_DEFINITIONS,
  type MetricId,
} from '../../functions/contracts/quality-metric.ts';
import { METRICS_OF_TASK, type Task } from '../../functions/contracts/task.ts';
import {
  addComponents,
  metricValue,
  scoreClassification,
  scoreRanking,
  scoreRegression,
  servedOrder,
} from '../../functions/measures/row-score.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

type TaskOf<Kind extends Task['kind']> = Extract<Task, { kind: Kind }>;
const regression = deliveryTime.task as TaskOf<'regression'>;
const ranking = searchRanking.task as TaskOf<'ranking'>;
const classification: TaskOf<'classification'> = {
  ...(cardFraud.task as TaskOf<'classification'>),
  threshold: 0.5,
};

const sumOf = (rows: readonly (ReturnType<typeof scoreRegression> | undefined)[]) =>
  rows.reduce((sum, row) => addComponents(sum ?? {}, row ?? {}), {}) ?? {};
const round = (value: number | undefined) => value && Math.round(value * 1e6) / 1e6;

describe('the components of rows add up to the metrics of the vectors', () => {
  it('R1, regression', () => {
    const y = [22, 35, 41, 18, 60, 27, 33, 48];
    const p = [25, 30, 45, 20, 50, 27, 36, 44];
    const low = [18, 24, 36, 14, 40, 21, 28, 36];
    const high = [33, 39, 55, 28, 58, 35, 45, 55];
    const sums = sumOf(
      y.map((outcome, row) =>
        scoreRegression(
          regression,
          { minutes: p[row], minutesLow: low[row], minutesHigh: high[row] },
          outcome,
        ),
      ),
    );
    expect(
      (['mae', 'rmse', 'bias', 'quantileCoverage', 'pinball'] as const).map((metric) =>
        round(metricValue(metric, sums)),
      ),
    ).toEqual([3.875, 4.730222, -0.875, 0.875, 0.94375]);
  });

  it('C1, classification, with a miss at its amount', () => {
    const y = [0, 0, 1, 0, 1, 0, 0, 0, 1, 0];
    const s = [0.02, 0.1, 0.35, 0.4, 0.8, 0.05, 0.15, 0.3, 0.9, 0.6];
    const amount = [10, 20, 500, 15, 120, 8, 60, 35, 900, 45];
    const task: typeof classification = {
      ...classification,
      cost: { currency: 'EUR', falsePositive: 5, falseNegative: { feature: 'amountEur' } },
    };
    const sums = sumOf(
      y.map((label, row) =>
        scoreClassification(
          task,
          { fraudProbability: s[row] },
          label ? 'fraud' : 'legitimate',
          amount[row],
        ),
      ),
    );
    expect(
      (['precision', 'recall', 'valueWeightedRecall', 'brier', 'costPerThousand'] as const).map(
        (metric) => round(metricValue(metric, sums)),
      ),
    ).toEqual([0.666667, 0.666667, 0.671053, 0.11179, 50_500]);
  });

  it('K2 and K3, ranking: a query nobody clicked in has no NDCG and counts as a query', () => {
    const clicked = scoreRanking({ ...ranking, cutoff: 3 }, ['none', 'none', 'click', 'none']);
    const silent = scoreRanking({ ...ranking, cutoff: 3 }, ['none', 'none', 'none']);
    const sums = sumOf([clicked, silent]);
    expect(metricValue('ndcg', sums)).toBe(0.5);
    expect(metricValue('clickThroughShare', sums)).toBe(0.5);
    expect(round(metricValue('mrr', sums))).toBe(round(1 / 3 / 2));
    expect(metricValue('purchaseShare', sums)).toBe(0);
  });
});

describe('a metric', () => {
  it('is absent, not 0, where nothing was measured', () => {
    const metrics = Object.keys(METRIC_DEFINITIONS) as MetricId[];
    expect(metrics.filter((metric) => metricValue(metric, {}) !== undefined)).toEqual([]);
  });

  it('of each task is made of components that its rows have', () => {
    const missing = [deliveryTime, searchRanking, cardFraud].flatMap(({ task }) =>
      METRICS_OF_TASK[task.kind].flatMap((metric) => {
        const definition = METRIC_DEFINITIONS[metric];
        if (definition.kind !== 'ratio') return [];
        const needed = [definition.numerator, ...definition.denominator];
        return needed.filter((component) => !componentsOf(task).includes(component));
      }),
    );
    expect(missing).toEqual([]);
  });

  it('of a ranking carries gain and cutoff in its name', () => {
    expect(componentName('ndcg', { ...ranking, gain: 'exponential', cutoff: 5 })).toBe(
      'NdcgExponentialAt5',
    );
  });

  it('does not depend on how rows were batched', () => {
    const row = fc.record({
      minutes: fc.integer({ min: 0, max: 90 }),
      outcome: fc.integer({ min: 0, max: 90 }),
    });
    fc.assert(
      fc.property(fc.array(row, { minLength: 1 }), fc.nat(), (rows, cut) => {
        const score = (some: typeof rows) =>
          sumOf(
            some.map(({ minutes, outcome }) => scoreRegression(regression, { minutes }, outcome)),
          );
        const at = cut % rows.length;
        const parts = addComponents(score(rows.slice(0, at)), score(rows.slice(at)));
        expect(metricValue('mae', parts)).toBe(metricValue('mae', score(rows)));
      }),
    );
  });
});

describe('a row', () => {
  it('without a number to compare has no score', () => {
    expect(scoreRegression(regression, {}, 20)).toBeUndefined();
    expect(scoreClassification(classification, {}, 'fraud', 10)).toBeUndefined();
  });

  it('without one of its quantiles counts in the error, and in neither coverage nor pinball loss', () => {
    const whole = { minutes: 20, minutesLow: 18, minutesHigh: 26 };
    const alone = sumOf([scoreRegression(regression, whole, 22)]);
    const both = sumOf([alone, scoreRegression(regression, { minutes: 20, minutesLow: 18 }, 30)]);
    expect(metricValue('quantileCoverage', both)).toBe(1);
    expect(metricValue('pinball', both)).toBe(metricValue('pinball', alone));
    expect(metricValue('mae', both)).toBe(6);
  });

  it('keeps the order of the request among equal scores', () => {
    expect(servedOrder([0.5, 0.9, 0.5, 0.1])).toEqual([1, 0, 2, 3]);
  });
});
