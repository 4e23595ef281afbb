import { describe, expect, it } from 'vitest';
import { cheapestThreshold } from '../../functions/measures/classification-metrics.ts';
import type { Progress } from '../../functions/retrain/boosted-heads.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { smallRows } from './small-rows.ts';
import { smallSpec } from './small-spec.ts';

it('tells how far it is, while the event loop turns', async () => {
  const heard: Progress[] = [];
  let turns = 0;
  const timer = setInterval(() => turns++, 1);
  await trainModel(smallSpec('regression'), smallRows('regression', 2000, 1), {
    seed: 1,
    onProgress: (progress) => heard.push(progress),
  });
  clearInterval(timer);
  expect([...new Set(heard.map(({ stage }) => stage))]).toEqual([
    'minutes',
    'minutesLow',
    'minutesHigh',
  ]);
  expect(heard[0]).toEqual({ stage: 'minutes', done: 1, total: 12 });
  expect(turns).toBeGreaterThan(3);
});

it('stops when aborted, with the reason given', async () => {
  const controller = new AbortController();
  const trained = trainModel(smallSpec('regression'), smallRows('regression', 500, 1), {
    seed: 1,
    signal: controller.signal,
    onProgress: ({ done }) => {
      if (done === 3) controller.abort(new Error('the budget is spent'));
    },
  });
  await expect(trained).rejects.toThrow('the budget is spent');
});

it('validates on the rows given, which need not be random', async () => {
  const validation = smallRows('regression', 80, 2);
  const { report } = await trainModel(smallSpec('regression'), smallRows('regression', 400, 1), {
    seed: 1,
    validation,
  });
  expect(report.rows).toEqual({ training: 400, validation: 80 });
});

it('keeps an entity and a query in one part', async () => {
  const spec = smallSpec('regression');
  const shared = { ...spec, entityKeys: ['shop'] };
  const rows = smallRows('regression', 1000, 3);
  const instances = rows.instances.map((instance, row) => ({
    ...instance,
    shop: row % 2 === 0 ? 'one' : 'two',
  }));
  const { report } = await trainModel(shared, { ...rows, instances }, { seed: 4 });
  expect([500, 1000]).toContain(report.rows.training);
});

describe('the report', () => {
  it('of a regression: curves, importance, metrics and coverage', async () => {
    const spec = smallSpec('regression');
    const { report } = await trainModel(spec, smallRows('regression', 3000, 1), {
      seed: 1,
      boosting: { trees: 60 },
    });
    expect(report.curves.map(({ name, loss }) => [name, loss])).toEqual([
      ['minutes', 'squared error'],
      ['minutesLow', 'pinball 0.1'],
      ['minutesHigh', 'pinball 0.9'],
    ]);
    const [point] = report.curves;
    expect(point?.training.at(-1)).toBeLessThan(point?.training[0] ?? 0);
    expect(report.importance[0]?.column).toBe('x');
    const gains = report.importance.map(({ gain = 0 }) => gain);
    expect(gains.reduce((sum, gain) => sum + gain, 0)).toBeCloseTo(1, 9);
    expect(report.metrics['r2']).toBeGreaterThan(0.6);
    expect(report.metrics['quantileCoverage']).toBeCloseTo(0.8, 1);
    expect(report.calibration).toEqual([]);
    expect(report.notes).toEqual([]);
    expect(structuredClone(report)).toEqual(report);
    expect(JSON.stringify(report).length).toBeLessThan(20_000);
  });

  it('of a classification: the threshold of least cost on the validation rows', async () => {
    const spec = smallSpec('classification');
    if (spec.task.kind !== 'classification') throw new Error('no classification');
    const cost = { currency: 'EUR', falsePositive: 1, falseNegative: 4 };
    const priced = { ...spec, task: { ...spec.task, cost } };
    const validation = smallRows('classification', 600, 8);
    const { report, answer } = await trainModel(priced, smallRows('classification', 1200, 7), {
      seed: 1,
      validation,
    });
    const scores = answer(validation.instances).filter((_, at) => at % 2 === 0);
    const labels = validation.labels.map((label) => Number(label === 'fraud'));
    const best = cheapestThreshold({ labels, scores }, cost);
    expect(report.threshold?.threshold).toBeCloseTo(best.threshold, 12);
    expect(report.threshold?.costPerThousand).toBeCloseTo(best.cost / 0.6, 9);
    expect(report.threshold?.threshold).toBeLessThan(0.5);
    expect(report.calibration.length).toBe(10);
    expect(report.metrics['calibrationRatio']).toBeCloseTo(1, 1);
    expect(report.metrics['averagePrecision']).toBeGreaterThan(0.7);
  });

  it('of a ranking: NDCG at the cutoff, and how often interest came', async () => {
    const spec = smallSpec('ranking');
    const { report } = await trainModel(spec, smallRows('ranking', 3000, 1), { seed: 1 });
    expect(report.metrics['ndcg']).toBeGreaterThan(0.8);
    expect(report.metrics).toHaveProperty('mrr');
    const last = report.calibration.at(-1);
    expect(last?.observedShare).toBeGreaterThan(report.calibration[0]?.observedShare ?? 1);
  });
});

it('class weights move decisions, not the calibration', async () => {
  const spec = smallSpec('classification');
  const rows = smallRows('classification', 2500, 5);
  const { report } = await trainModel(spec, rows, { seed: 1, classWeights: { fraud: 20 } });
  expect(report.metrics['calibrationRatio']).toBeCloseTo(1, 1);
  expect(report.metrics['averagePrecision']).toBeGreaterThan(0.7);
});
