import { describe, expect, test } from 'vitest';
import type { CellValue } from '../../functions/contracts/dataset-columns.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { missedObjectives } from '../../functions/evaluate/baseline.ts';
import { OfflineEvaluation } from '../../functions/evaluate/offline-evaluation.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { aModel } from '../builders/model-spec.ts';

type Row = readonly [outputs: Record<string, number | undefined>, cells: Record<string, CellValue>];

function judged(spec: ModelSpec, rows: readonly Row[], slices: readonly string[] = []) {
  const evaluation = new OfflineEvaluation(spec, slices);
  for (const [outputs, cells] of rows)
    evaluation.add({ outputs, cell: (name) => cells[name] ?? null });
  return { ...evaluation.finish(), unanswered: evaluation.unanswered };
}

describe('a regression', () => {
  const spec = aModel('m');
  const rows: Row[] = [
    [{ points: 10 }, { y: 9, b: 1 }],
    [{ points: 10 }, { y: 13, b: 1 }],
    [{ points: 10 }, { y: 10, b: null }],
  ];

  test('is judged overall and by the values of a feature', () => {
    const { metrics, slices, units } = judged(spec, rows, ['b']);
    expect(units).toBe(3);
    expect(metrics['mae']).toBeCloseTo(4 / 3, 12);
    expect(metrics['rmse']).toBeCloseTo(Math.sqrt(10 / 3), 12);
    expect(metrics['withinToleranceShare']).toBeCloseTo(2 / 3, 12);
    expect(
      slices.map(({ feature, value, units: each, metrics: of }) => [
        feature,
        value,
        each,
        of['mae'],
      ]),
    ).toEqual([
      ['b', '1', 2, 2],
      ['b', '(missing)', 1, 0],
    ]);
  });

  test('without predicted quantiles has no metric of quantiles, rather than 0', () => {
    const { metrics } = judged(spec, rows);
    expect(Object.keys(metrics)).toEqual(['mae', 'rmse', 'bias', 'withinToleranceShare']);
  });

  test('counts a row by its weight', () => {
    const weighted = judged(spec, [
      [{ points: 10 }, { y: 9, weight: 3 }],
      [{ points: 10 }, { y: 13 }],
    ]);
    expect(weighted.metrics['mae']).toBeCloseTo((3 * 1 + 3) / 4, 12);
  });

  test('keeps what each row adds, for a paired bootstrap', () => {
    const { components } = judged(spec, rows);
    expect(components.map(({ absoluteError }) => absoluteError)).toEqual([1, 3, 0]);
  });

  test('says how many rows the model had no number for', () => {
    const { unanswered, units } = judged(spec, [...rows, [{ points: undefined }, { y: 1 }]]);
    expect({ unanswered, units }).toEqual({ unanswered: 1, units: 3 });
  });
});

test('a classification is judged with the value of its rows', () => {
  const row = (score: number, label: string, amountEur: number): Row => [
    { fraudProbability: score },
    { class: label, amountEur },
  ];
  const { metrics } = judged(cardFraud, [
    row(0.9, 'fraud', 100),
    row(0.05, 'fraud', 300),
    row(0.8, 'legitimate', 50),
    row(0.01, 'legitimate', 50),
  ]);
  expect(metrics).toMatchObject({
    precision: 0.5,
    recall: 0.5,
    valueWeightedRecall: 0.25,
    costPerThousand: (1000 * (300 + 8)) / 4,
  });
  expect(metrics['averagePrecision']).toBeCloseTo(0.5 + (0.5 * 2) / 3, 12);
});

test('a ranking is judged query by query, and has no metric made of clicks', () => {
  const { task } = searchRanking;
  if (task.kind !== 'ranking') throw new Error('search-ranking is no ranking');
  const row = (query: string, score: number, relevance: number): Row => [
    { [task.score]: score },
    { [task.queryKey]: query, [task.label]: relevance },
  ];
  const { metrics, units } = judged(searchRanking, [
    row('q', 0.1, 0),
    row('q', 0.9, 1),
    row('r', 0.9, 0),
    row('r', 0.1, 1),
    row('s', 0.5, 0),
  ]);
  expect(units).toBe(3);
  expect(Object.keys(metrics)).toEqual(['ndcg', 'mrr']);
  expect(metrics['ndcg']).toBeCloseTo((1 + 1 / Math.log2(3)) / 2, 12);
  expect(metrics['mrr']).toBeCloseTo((1 + 0.5 + 0) / 3, 12);
});

describe('an objective', () => {
  const spec = aModel('m');
  const [objective] = spec.monitoring.objectives;
  if (!objective) throw new Error('the spec has no objective');
  const { metric, threshold, comparison, minimumLabels } = objective;
  const worse = comparison === 'at-most' ? threshold + 1 : threshold - 1;

  test('that is missed is named with what it asked and what came', () => {
    expect(
      missedObjectives(spec, { metrics: { [metric]: worse }, sums: { labels: minimumLabels } }),
    ).toEqual([{ metric, comparison, threshold, value: worse }]);
  });

  test('has no verdict on too few labels', () => {
    expect(
      missedObjectives(spec, { metrics: { [metric]: worse }, sums: { labels: minimumLabels - 1 } }),
    ).toEqual([]);
  });
});
