import { expect, it } from 'vitest';
import { decisionMetrics, decisionSums } from '../../functions/measures/classification-metrics.ts';
import { maturedRows } from '../../functions/measures/matured-rows.ts';

const round = (value: number | undefined) =>
  value === undefined ? undefined : Math.round(value * 1e6) / 1e6;

it('L1: silence becomes a negative when the row has matured', () => {
  const events = [
    { predictedAt: 0, score: 0.9, label: 1, labelledAt: 2 },
    { predictedAt: 1, score: 0.8, label: 0, labelledAt: 3 },
    { predictedAt: 2, score: 0.7 },
    { predictedAt: 3, score: 0.2 },
    { predictedAt: 4, score: 0.3, label: 1, labelledAt: 9 },
    { predictedAt: 8, score: 0.95 },
  ];
  const metricsOf = (silence: 'negative' | 'unknown', maturity = 5) => {
    const rows = maturedRows(events, 10, maturity, silence);
    const sums = decisionSums(rows, 0.5, { falsePositive: 1, falseNegative: 1 });
    const { truePositives, falsePositives, falseNegatives } = sums;
    const { precision, recall } = decisionMetrics(sums);
    return {
      rows: rows.labels.length,
      counts: [truePositives, falsePositives, falseNegatives],
      precision: round(precision),
      recall: round(recall),
      completeness: rows.completeness,
    };
  };
  const labelled = { rows: 3, counts: [1, 1, 1], precision: 0.5, recall: 0.5 };
  expect(metricsOf('unknown')).toEqual({ ...labelled, completeness: 0.6 });
  expect(metricsOf('unknown', 0)).toEqual({ ...labelled, completeness: 0.5 });
  expect(metricsOf('negative')).toEqual({
    rows: 5,
    counts: [1, 2, 1],
    precision: 0.333333,
    recall: 0.5,
    completeness: 0.6,
  });
});
