import { describe, expect, it } from 'vitest';
import type { LabelledRows } from '../../functions/retrain/labelled-rows.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { smallRows } from './small-rows.ts';
import { smallSpec } from './small-spec.ts';

const train = (kind: 'regression' | 'ranking' | 'classification', rows: LabelledRows) =>
  trainModel(smallSpec(kind), rows, { seed: 1 });

const withLabel = (rows: LabelledRows, row: number, label: number | string): LabelledRows => ({
  ...rows,
  labels: rows.labels.with(row, label),
});

describe('rows that cannot be trained on', () => {
  const regression = smallRows('regression', 60, 1);
  const ranking = smallRows('ranking', 60, 1);
  const classification = smallRows('classification', 60, 1);
  const instanceWith = (name: string, value: string | number | boolean) => ({
    ...regression,
    instances: regression.instances.with(7, { [name]: value }),
  });

  it.each([
    ['no rows', 'regression', { instances: [], labels: [] }, 'there are no rows to train on'],
    [
      'labels of another length',
      'regression',
      { ...regression, labels: [1] },
      'there are 60 instances but 1 labels',
    ],
    [
      'a NaN target',
      'regression',
      withLabel(regression, 3, Number.NaN),
      'row 3: deliveredInMinutes is NaN, not a finite number',
    ],
    [
      'an infinite target',
      'regression',
      withLabel(regression, 4, Number.POSITIVE_INFINITY),
      'row 4: deliveredInMinutes is Infinity, not a finite number',
    ],
    [
      'a target that is text',
      'regression',
      withLabel(regression, 0, '12'),
      'row 0: deliveredInMinutes is "12", not a finite number',
    ],
    [
      'an unknown class',
      'classification',
      withLabel(classification, 2, 'fraudd'),
      'row 2: class is "fraudd", not "legitimate" or "fraud"',
    ],
    [
      'one class only',
      'classification',
      { ...classification, labels: classification.labels.map(() => 'legitimate') },
      'are "legitimate": a classifier needs rows of both classes',
    ],
    [
      'a negative weight',
      'regression',
      { ...regression, weights: regression.labels.map((_, row) => (row === 9 ? -1 : 1)) },
      'row 9: the weight is -1, not a finite number from 0',
    ],
    [
      'weights that are all 0',
      'regression',
      { ...regression, weights: regression.labels.map(() => 0) },
      'every row has weight 0',
    ],
    [
      'a value of another type',
      'regression',
      instanceWith('x', 'far'),
      'row 7: x is "far", not a number',
    ],
    [
      'an impossible date',
      'regression',
      instanceWith('at', '2026-02-29T10:00:00Z'),
      'row 7: at is "2026-02-29T10:00:00Z", not a RFC 3339 instant with an offset',
    ],
    [
      'a number beyond float32',
      'regression',
      instanceWith('x', 1e39),
      'row 7: x is 1e+39, not a number',
    ],
    [
      'ranking without queries',
      'ranking',
      { instances: ranking.instances, labels: ranking.labels },
      'ranking needs the query of each row ("queryId")',
    ],
    [
      'queries of one item each',
      'ranking',
      { ...ranking, queries: ranking.instances.map((_, row) => `query-${row}`) },
      'has two items of different relevance, so there is no order to learn',
    ],
    [
      'a relevance below 0',
      'ranking',
      withLabel(ranking, 5, -1),
      'row 5: relevance is -1, not from 0 to 31',
    ],
  ] as const)('%s', async (_, kind, rows, message) => {
    await expect(train(kind, rows)).rejects.toThrow(message);
  });

  it('two input columns of one name', async () => {
    const spec = smallSpec('regression');
    const inputs = [{ name: 'numbers', datatype: 'FP32' as const, columns: ['x', 'y', 'x'] }];
    const repeated = { ...spec, signature: { ...spec.signature, inputs } };
    await expect(trainModel(repeated, regression, { seed: 1 })).rejects.toThrow(
      'two columns are named "x"',
    );
  });

  it('class weights for no class, or of 0', async () => {
    const options = (classWeights: Record<string, number>) => ({ seed: 1, classWeights });
    const spec = smallSpec('classification');
    await expect(trainModel(spec, classification, options({ theft: 2 }))).rejects.toThrow(
      'class weights name "theft", which is no class',
    );
    await expect(trainModel(spec, classification, options({ fraud: 0 }))).rejects.toThrow(
      'the class weight of "fraud" is 0, not above 0',
    );
  });

  it('an output column that no trainer makes', async () => {
    const spec = smallSpec('ranking');
    const outputs = [{ name: 'scores', datatype: 'FP32' as const, columns: ['interest', 'mood'] }];
    const asking = { ...spec, signature: { ...spec.signature, outputs } };
    await expect(trainModel(asking, ranking, { seed: 1 })).rejects.toThrow(
      'output column "mood" is not among what this trainer makes: interest',
    );
  });

  it('a trainer that runs elsewhere', async () => {
    const trainer = {
      kind: 'sagemaker-xgboost',
      instanceType: 'ml.m5.large',
      rounds: 10,
      maximumRuntimeMinutes: 5,
    } as const;
    await expect(
      trainModel(smallSpec('regression'), regression, { seed: 1, trainer }),
    ).rejects.toThrow('sagemaker-xgboost trains on SageMaker, not in this process');
  });

  it.each([
    [{ rowShare: 0 }, 'rowShare is 0: it must be above 0 and at most 1'],
    [{ bins: 256 }, 'bins is 256: it must be from 2 to 255'],
    [{ leaves: 1 }, 'leaves is 1: it must be at least 2'],
    [{ l2: -1 }, 'l2 is -1: it must not be negative'],
  ])('the option %j', async (boosting, message) => {
    await expect(
      trainModel(smallSpec('regression'), regression, { seed: 1, boosting }),
    ).rejects.toThrow(message);
  });
});

describe('rows that are trained on with a note', () => {
  it('a constant target is answered for every row', async () => {
    const rows = smallRows('regression', 300, 1);
    const { report, answer } = await train('regression', {
      ...rows,
      labels: rows.labels.map(() => 7.5),
    });
    expect(report.notes).toContain(
      'every training label is 7.5: the model answers that for every row',
    );
    expect([...answer(rows.instances.slice(0, 2))]).toEqual([7.5, 7.5, 7.5, 7.5, 7.5, 7.5]);
    expect(report.metrics).not.toHaveProperty('r2');
  });

  it('a column that is always missing is not used', async () => {
    const rows = smallRows('regression', 300, 2);
    const instances = rows.instances.map((instance) => ({ ...instance, y: null, colour: null }));
    const { report } = await train('regression', { ...rows, instances });
    expect(report.notes).toContain('y is missing in every training row: the model does not use it');
    expect(report.importance.find(({ column }) => column === 'y')).toEqual({
      column: 'y',
      gain: 0,
      permutation: 0,
    });
  });

  it('a category of its own in every row is not used', async () => {
    const rows = smallRows('regression', 300, 3);
    const instances = rows.instances.map((instance, row) => ({ ...instance, shop: `shop ${row}` }));
    const { report } = await train('regression', { ...rows, instances });
    expect(report.notes).toContain('no value of shop occurs twice: the model does not use it');
  });

  it('of more categories than a byte can number, the most frequent are told apart', async () => {
    const rows = smallRows('regression', 1500, 4);
    const instances = rows.instances.map((instance, row) => ({
      ...instance,
      shop: `shop ${row % 400}`,
    }));
    const { report } = await train('regression', { ...rows, instances });
    expect(report.notes).toContain('shop has 254 categories: is it an identifier?');
  });

  it('a query of one item teaches nothing and does no harm', async () => {
    const rows = smallRows('ranking', 240, 5);
    const queries = rows.queries?.with(0, 'alone') ?? [];
    const { report } = await train('ranking', { ...rows, queries });
    expect(report.metrics['ndcg']).toBeGreaterThan(0.5);
  });

  it('few rows are enough to run', async () => {
    const { report } = await train('regression', smallRows('regression', 3, 6));
    expect(report.notes.some((note) => note.includes('the metrics are rough'))).toBe(true);
  });
});
