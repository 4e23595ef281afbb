import fc from 'fast-check';
import { expect, test } from 'vitest';
import { averagePrecision, rocAuc } from '../../functions/measures/classification-metrics.ts';
import { pairedBootstrap } from '../../functions/measures/paired-bootstrap.ts';

const row = fc.record({
  label: fc.integer({ min: 0, max: 1 }),
  // Few scores, so that there are ties.
  score: fc.integer({ min: 0, max: 5 }),
  weight: fc.integer({ min: 0, max: 3 }),
});

test.each([
  ['average precision', averagePrecision],
  ['ROC AUC', rocAuc],
])('%s of rows with weights is that of the rows repeated', (_, metric) => {
  fc.assert(
    fc.property(fc.array(row, { maxLength: 30 }), (rows) => {
      const repeated = rows.flatMap((each) => Array.from({ length: each.weight }, () => each));
      const weighted = metric({
        labels: rows.map(({ label }) => label),
        scores: rows.map(({ score }) => score),
        weights: rows.map(({ weight }) => weight),
      });
      const plain = metric({
        labels: repeated.map(({ label }) => label),
        scores: repeated.map(({ score }) => score),
      });
      // Only rows with both classes have the metric: without them, neither has a number.
      expect(weighted ?? Number.POSITIVE_INFINITY).toBeCloseTo(
        plain ?? Number.POSITIVE_INFINITY,
        12,
      );
    }),
  );
});

test('resamples that miss the best score leave an interval of numbers', () => {
  const labels = Array.from({ length: 400 }, (_, at) => Number(at % 50 === 0));
  const champion = labels.map((label, at) => label * 0.3 + at / 1000);
  const challenger = labels.map((label, at) => label * 0.6 + at / 1000);
  const interval = pairedBootstrap(labels.length, (weights) => {
    const own = averagePrecision({ labels, scores: challenger, weights });
    const base = averagePrecision({ labels, scores: champion, weights });
    return own === undefined || base === undefined ? undefined : own - base;
  });
  expect(interval?.low).toBeGreaterThanOrEqual(0);
  expect(interval?.high).toBeGreaterThan(0);
});
