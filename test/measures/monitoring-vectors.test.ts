import { describe, expect, it } from 'vitest';
import {
  calibrationRatio,
  equalMassBins,
  equalWidthBins,
  expectedCalibrationError,
} from '../../functions/measures/calibration-metrics.ts';
import {
  atTop,
  averagePrecision,
  bayesThreshold,
  brierScore,
  cheapestThreshold,
  decisionMetrics,
  decisionSums,
  meanLogLoss,
  rocAuc,
} from '../../functions/measures/classification-metrics.ts';
import { expectedAveragePrecision, expectedRows } from '../../functions/measures/matured-rows.ts';
import {
  discountedGain,
  normalisedGain,
  precisionAt,
  reciprocalRank,
} from '../../functions/measures/ranking-metrics.ts';
import {
  absoluteErrors,
  intervalMetrics,
  intervalSums,
  linearQuantile,
  meanAbsolutePercentageError,
  meanPinballLoss,
  regressionMetrics,
  regressionSums,
  symmetricPercentageError,
} from '../../functions/measures/regression-metrics.ts';

const round = (value: number | undefined) =>
  value === undefined ? undefined : Math.round(value * 1e6) / 1e6;
const rounded = (metrics: Readonly<Record<string, number | undefined>>) =>
  Object.fromEntries(Object.entries(metrics).map(([name, value]) => [name, round(value)]));

describe('regression', () => {
  const y = [22, 35, 41, 18, 60, 27, 33, 48];
  const p = [25, 30, 45, 20, 50, 27, 36, 44];
  const q10 = [18, 24, 36, 14, 40, 21, 28, 36];
  const q90 = [33, 39, 55, 28, 58, 35, 45, 55];

  it('R1: errors, shares and R²', () => {
    expect(rounded(regressionMetrics(regressionSums(y, p, 3)))).toEqual({
      mae: 3.875,
      rmse: 4.730222,
      bias: -0.875,
      wape: 0.109155,
      r2: 0.867799,
      withinToleranceShare: 0.5,
      lateShare: 0.375,
    });
    const errors = absoluteErrors(y, p);
    expect([linearQuantile(errors, 0.5), linearQuantile(errors, 0.9)].map(round)).toEqual([
      3.5, 6.5,
    ]);
    expect(round(meanAbsolutePercentageError(y, p).mape)).toBe(0.1036);
  });

  it('R1: quantiles and their interval', () => {
    const losses = [meanPinballLoss(0.1, y, q10), meanPinballLoss(0.5, y, p)];
    expect([...losses, meanPinballLoss(0.9, y, q90)].map(round)).toEqual([0.8375, 1.9375, 1.05]);
    const interval = intervalMetrics(intervalSums(y, q10, q90, { lower: 0.1, upper: 0.9 }));
    expect(rounded(interval)).toEqual({ quantileCoverage: 0.875, width: 16.375, winkler: 18.875 });
  });

  it('R2: a constant outcome has no R²', () => {
    const { mae, rmse, r2, bias } = regressionMetrics(regressionSums([10, 10, 10], [9, 10, 12], 5));
    expect(rounded({ mae, rmse, r2, bias })).toEqual({
      mae: 1,
      rmse: 1.290994,
      r2: undefined,
      bias: 0.333333,
    });
  });

  it('R3: relative errors with an outcome of 0', () => {
    const [outcomes, predictions] = [
      [0, 5, 10],
      [1, 4, 12],
    ];
    const percentage = meanAbsolutePercentageError(outcomes, predictions);
    const { mae, wape } = regressionMetrics(regressionSums(outcomes, predictions, 1));
    expect(rounded({ mae, wape })).toEqual({ mae: 1.333333, wape: 0.266667 });
    expect({ ...percentage, mape: round(percentage.mape) }).toEqual({ mape: 0.2, dropped: 1 });
    expect(round(symmetricPercentageError(outcomes, predictions))).toBe(0.801347);
  });
});

describe('ranking', () => {
  it.each([
    ['linear', 3, 5.76186, 0.977781],
    ['exponential', 3, 12.392789, 0.959454],
    ['linear', 5, 6.148712, 0.861044],
    ['exponential', 5, 12.779642, 0.875594],
    ['linear', 6, 6.861127, 0.960808],
    ['exponential', 6, 13.848264, 0.948811],
  ] as const)('K1: %s gain at %i', (gain, cutoff, dcg, ndcg) => {
    const served = [3, 2, 3, 0, 1, 2];
    expect(round(discountedGain(served, cutoff, gain))).toBe(dcg);
    expect(round(normalisedGain(served, cutoff, gain))).toBe(ndcg);
    expect([precisionAt(served, 3), precisionAt(served, 5)]).toEqual([1, 0.8]);
  });

  it('K2: one relevant item in third place', () => {
    const served = [0, 0, 1, 0];
    expect([normalisedGain(served, 3, 'linear'), normalisedGain(served, 2, 'linear')]).toEqual([
      0.5, 0,
    ]);
    expect([round(reciprocalRank(served)), reciprocalRank(served, 2)]).toEqual([0.333333, 0]);
  });

  it('K3: without a relevant item NDCG is absent, not 0', () => {
    expect(normalisedGain([0, 0, 0], 3, 'linear')).toBeUndefined();
    expect(reciprocalRank([0, 0, 0])).toBe(0);
  });

  it('K4: mean reciprocal rank over queries', () => {
    const queries = [[1], [0, 0, 1], [0], [0, 1]];
    const mean = (cutoff?: number) =>
      queries.reduce((sum, served) => sum + reciprocalRank(served, cutoff), 0) / queries.length;
    expect([mean(), mean(2)].map(round)).toEqual([0.458333, 0.375]);
    // A query without a relevant item counts as 0 with us; the figure that leaves it out is of the others.
    const relevant = queries.map((served) => reciprocalRank(served)).filter((rank) => rank > 0);
    const total = relevant.reduce((sum, rank) => sum + rank, 0);
    expect(round(total / relevant.length)).toBe(0.611111);
  });

  it('K5: the order served decides between equal scores', () => {
    const orders = [
      [0, 1, 0, 1],
      [0, 0, 1, 1],
    ].map((served) => normalisedGain(served, 2, 'linear') ?? Number.NaN);
    expect(orders.map(round)).toEqual([0.386853, 0]);
    // sklearn has scores only and averages over the orders they allow; we know which of these a customer saw.
    expect(round(orders.reduce((sum, value) => sum + value, 0) / orders.length)).toBe(0.193426);
  });
});

describe('classification', () => {
  const labels = [0, 0, 1, 0, 1, 0, 0, 0, 1, 0];
  const scores = [0.02, 0.1, 0.35, 0.4, 0.8, 0.05, 0.15, 0.3, 0.9, 0.6];
  const amounts = [10, 20, 500, 15, 120, 8, 60, 35, 900, 45];
  const costs = { falsePositive: 5, falseNegative: 100 };

  it('C1: decisions at 0.5', () => {
    const sums = decisionSums({ labels, scores }, 0.5, costs, amounts);
    expect(sums).toMatchObject({
      truePositives: 2,
      falsePositives: 1,
      falseNegatives: 1,
      trueNegatives: 6,
      cost: 105,
    });
    expect(rounded(decisionMetrics(sums))).toEqual({
      precision: 0.666667,
      recall: 0.666667,
      f1: 0.666667,
      falsePositiveRate: 0.142857,
      alertShare: 0.3,
      prevalence: 0.3,
      costPerThousand: 10_500,
      valueWeightedRecall: 0.671053,
    });
    const byAmount = decisionSums({ labels, scores }, 0.5, { ...costs, falseNegative: amounts });
    expect(byAmount.cost).toBe(505);
  });

  it('C1: without a threshold', () => {
    const rows = { labels, scores };
    expect([averagePrecision(rows), rocAuc(rows), brierScore(rows)].map(round)).toEqual([
      0.866667, 0.904762, 0.11179,
    ]);
    expect(round(trapezoidArea(rows))).toBe(0.85);
    expect(round(meanLogLoss(rows))).toBe(0.350149);
    expect(rounded(atTop(rows, 2))).toEqual({ precision: 1, recall: 0.666667 });
    expect(cheapestThreshold(rows, costs)).toEqual({ threshold: 0.35, cost: 10 });
    expect(round(bayesThreshold(5, 100))).toBe(0.047619);
    const bins = [equalWidthBins(rows, 5), equalWidthBins(rows, 10), equalMassBins(rows, 5)];
    expect(bins.map((each) => round(expectedCalibrationError(each)))).toEqual([
      0.197, 0.197, 0.197,
    ]);
  });

  /** The other area under the curve: its straight lines promise what no threshold reaches, so only AP is ours. */
  function trapezoidArea(rows: { labels: number[]; scores: number[] }): number {
    let last = { precision: 1, recall: 0 };
    let area = 0;
    for (const threshold of rows.scores.toSorted((one, other) => other - one)) {
      const { precision = 0, recall = 0 } = decisionMetrics(decisionSums(rows, threshold, costs));
      area += ((recall - last.recall) * (precision + last.precision)) / 2;
      last = { precision, recall };
    }
    return area;
  }

  it('C2: equal scores are one step', () => {
    const rows = {
      labels: [1, 0, 1, 0, 0, 1, 0, 0],
      scores: [0.9, 0.9, 0.5, 0.5, 0.5, 0.5, 0.1, 0.1],
    };
    expect([averagePrecision(rows), rocAuc(rows)].map(round)).toEqual([0.5, 0.7]);
  });

  it('C3: a window without positives', () => {
    const rows = { labels: [0, 0, 0, 0], scores: [0.1, 0.7, 0.2, 0.3] };
    expect(decisionMetrics(decisionSums(rows, 0.5, costs))).toMatchObject({
      precision: 0,
      recall: undefined,
      falsePositiveRate: 0.25,
      alertShare: 1 / 4,
    });
    expect([averagePrecision(rows), rocAuc(rows)]).toEqual([undefined, undefined]);
  });

  it('C4: weights undo a sampled log', () => {
    const weights = [1, 1, 10, 10, 10];
    const rows = { labels: [1, 1, 0, 0, 0], scores: [1, 0, 1, 0, 0], weights };
    const unweighted = decisionSums({ labels: rows.labels, scores: rows.scores }, 0.5, costs);
    expect(decisionMetrics(unweighted).precision).toBe(0.5);
    const { precision, falsePositiveRate, prevalence, recall } = decisionMetrics(
      decisionSums(rows, 0.5, costs),
    );
    expect(rounded({ precision, falsePositiveRate, prevalence, recall })).toEqual({
      precision: 0.090909,
      falsePositiveRate: 0.333333,
      prevalence: 0.0625,
      recall: 0.5,
    });
  });

  it('C6: calibration depends on its bins', () => {
    const rows = {
      labels: [1, 0, 0, 0, 1, 0, 1, 1],
      scores: [0.05, 0.05, 0.15, 0.15, 0.65, 0.75, 0.85, 0.95],
    };
    const errors = [equalWidthBins(rows, 5), equalWidthBins(rows, 10), equalMassBins(rows, 4)];
    expect(errors.map((bins) => round(expectedCalibrationError(bins)))).toEqual([
      0.15, 0.3125, 0.225,
    ]);
    expect([brierScore(rows), calibrationRatio(rows)].map(round)).toEqual([0.2075, 1.111111]);
    // One bin of all rows: what was promised, and what came.
    expect(equalMassBins(rows, 1)).toEqual([
      { rows: 8, meanScore: expect.closeTo(0.45, 9), observedShare: 0.5 },
    ]);
  });

  it('E1: what calibrated probabilities promise before labels come', () => {
    const probabilities = [0.9, 0.8, 0.6, 0.3, 0.2, 0.1, 0.05, 0.05];
    const rows = expectedRows(probabilities);
    const sums = decisionSums(rows, 0.5, costs);
    const { truePositives, falsePositives, falseNegatives, trueNegatives } = sums;
    expect([truePositives, falsePositives, falseNegatives].map(round)).toEqual([2.3, 0.7, 0.7]);
    expect(round(truePositives + falseNegatives)).toBe(3);
    const accuracy = (truePositives + trueNegatives) / probabilities.length;
    expect(round(accuracy)).toBe(0.825);
    const { precision, recall } = decisionMetrics(sums);
    const estimates = [precision, recall, rocAuc(rows), expectedAveragePrecision(probabilities)];
    expect(estimates.map(round)).toEqual([0.766667, 0.766667, 0.876667, 0.781718]);
  });
});
