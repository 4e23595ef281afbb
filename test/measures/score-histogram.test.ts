import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  equalMassBins,
  expectedCalibrationError,
} from '../../functions/measures/calibration-metrics.ts';
import { averagePrecision } from '../../functions/measures/classification-metrics.ts';
import {
  histogramCalibrationError,
  histogramPrecision,
  mergeHistograms,
  positivesIn,
  precisionInterval,
  ScoreCounts,
  type ScoreHistogram,
} from '../../functions/measures/score-histogram.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';

const row = fc.tuple(fc.double({ min: 0, max: 1, noNaN: true }), fc.integer({ min: 0, max: 1 }));
function histogramOf(rows: readonly (readonly [number, number])[]): ScoreHistogram {
  const counts = new ScoreCounts();
  for (const [score, label] of rows) counts.add(score, label);
  return counts.histogram;
}

/** Calibrated scores, few of them high, with their labels. */
function calibrated(count: number, seed: number): [number, number][] {
  const random = seededRandom(seed, 'calibrated');
  return Array.from({ length: count }, () => {
    const score = 1 / (1 + Math.exp(3 - 1.5 * random.normal()));
    return [score, Number(random.next() < score)];
  });
}

test('histograms merge in any order and grouping, and lose no row', () => {
  fc.assert(
    fc.property(fc.array(fc.array(row)), (hours) => {
      const merged = mergeHistograms(hours.map(histogramOf));
      const all = hours.flat();
      const whole = histogramOf(all.toReversed());
      const counts = (histogram: typeof merged) =>
        histogram.map(({ bin, positives, negatives }) => [bin, positives, negatives]);
      expect(counts(merged)).toEqual(counts(whole));
      expect(positivesIn(merged)).toBe(all.filter(([, label]) => label === 1).length);
    }),
  );
});

describe('of scores that each have a bin of their own', () => {
  // The ten rows of the vector C1.
  const y = [0, 0, 1, 0, 1, 0, 0, 0, 1, 0];
  const s = [0.02, 0.1, 0.35, 0.4, 0.8, 0.05, 0.15, 0.3, 0.9, 0.6];
  const histogram = histogramOf(s.map((score, at) => [score, y[at] ?? 0] as const));

  test('the average precision is that of the rows', () => {
    expect(histogramPrecision(histogram)).toBeCloseTo(0.866667, 6);
  });

  test('the calibration error is that of bins of equal mass', () => {
    const rows = { labels: y, scores: s };
    expect(histogramCalibrationError(histogram)).toBeCloseTo(
      expectedCalibrationError(equalMassBins(rows, 10)) ?? Number.NaN,
      9,
    );
  });
});

describe('of many rows', () => {
  const rows = calibrated(20_000, 7);
  const histogram = histogramOf(rows);
  const labels = rows.map(([, label]) => label);
  const scores = rows.map(([score]) => score);

  test('the average precision is within 1e-3 of that of the rows', () => {
    const exact = averagePrecision({ labels, scores }) ?? Number.NaN;
    expect(Math.abs((histogramPrecision(histogram) ?? 0) - exact)).toBeLessThan(1e-3);
  });

  test('calibrated scores have a small error, and scores that promise too much a large one', () => {
    expect(histogramCalibrationError(histogram)).toBeLessThan(0.01);
    const boasting = histogramOf(rows.map(([score, label]) => [Math.sqrt(score), label] as const));
    expect(histogramCalibrationError(boasting)).toBeGreaterThan(0.1);
  });
});

test('the interval covers what it should, in nineteen samples of twenty', () => {
  const truth = histogramPrecision(histogramOf(calibrated(200_000, 99))) ?? Number.NaN;
  const covered = Array.from({ length: 100 }, (_, seed) => {
    const histogram = histogramOf(calibrated(2_000, seed));
    const { low, high } = precisionInterval(histogram, `sample ${seed}`) ?? { low: 1, high: 0 };
    return low <= truth && truth <= high;
  }).filter(Boolean);
  expect(covered.length).toBeGreaterThanOrEqual(88);
});

test('without positives there is no average precision, and with one no interval', () => {
  const negatives = histogramOf([0.1, 0.2, 0.3].map((score) => [score, 0] as const));
  expect(histogramPrecision(negatives)).toBeUndefined();
  expect(precisionInterval(negatives, 'none')).toBeUndefined();
  expect(
    precisionInterval(mergeHistograms([negatives, histogramOf([[0.9, 1]])]), 'one'),
  ).toBeUndefined();
  expect(histogramCalibrationError([])).toBeUndefined();
});
