import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datasetColumns } from '../../functions/contracts/dataset-columns.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { AskedLine } from '../../functions/contracts/prediction-line.ts';
import { unitsOf } from '../../functions/curate/recorded-units.ts';
import { maturedWindow, runSnapshot, type Snapshooter } from '../../functions/curate/snapshot.ts';
import type { SnapshotRecord, SnapshotState } from '../../functions/curate/snapshot-record.ts';
import { UnitSample } from '../../functions/curate/unit-sample.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { aModel } from '../builders/model-spec.ts';
import { ManualClock } from '../builders/route.ts';

const unit = (key: string, stratum = '') => ({
  key,
  at: `2026-11-01T00:00:${key.padStart(2, '0')}.000Z`,
  stratum,
  weight: 1,
  rows: [[key]],
});

describe('a sample', () => {
  test('is the same in whatever order and however often units come', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.nat(59), { minLength: 1, maxLength: 60 }),
        fc.array(fc.nat(59)),
        fc.integer({ min: 1, max: 20 }),
        (keys, repeats, most) => {
          const [one, other] = [new UnitSample(most, 7), new UnitSample(most, 7)];
          for (const key of keys) one.offer(unit(String(key)));
          for (const key of [
            ...keys.toReversed(),
            ...repeats.filter((each) => keys.includes(each)),
          ])
            other.offer(unit(String(key)));
          expect(other.take()).toEqual(one.take());
          expect(other.eligible).toBe(keys.length);
        },
      ),
    );
  });

  test('of another seed is another one', () => {
    const draw = (seed: number) => {
      const sample = new UnitSample(10, seed);
      for (let key = 0; key < 1000; key++) sample.offer(unit(String(key)));
      return sample.take().map((each) => each.unit.key);
    };
    expect(draw(1)).not.toEqual(draw(2));
    expect(draw(1)).toHaveLength(10);
  });

  test('keeps every row of a rare class, and weights that give each class its size back', () => {
    const sample = new UnitSample(100, 1);
    for (let key = 0; key < 5; key++) sample.offer(unit(`f${key}`, 'fraud'));
    for (let key = 0; key < 995; key++) sample.offer(unit(`l${key}`, 'legitimate'));
    const taken = sample.take();
    const weightOf = (stratum: string) =>
      taken
        .filter((each) => each.unit.stratum === stratum)
        .reduce((sum, { weight }) => sum + weight, 0);
    expect(taken).toHaveLength(100);
    expect(
      taken.filter((each) => each.unit.stratum === 'fraud').map(({ weight }) => weight),
    ).toEqual([1, 1, 1, 1, 1]);
    expect(weightOf('fraud')).toBe(5);
    expect(weightOf('legitimate')).toBeCloseTo(995, 9);
  });
});

describe('a recorded request', () => {
  const leftOutOf = (
    spec: ModelSpec,
    asked: AskedLine,
    outcomes: Readonly<Record<string, unknown>>,
    propensities?: readonly number[],
    withheld: readonly string[] = [],
    predictionId = 'p',
  ) => {
    const leftOut: [string, number][] = [];
    const columns = datasetColumns(spec);
    const units = unitsOf(
      spec,
      columns,
      {
        predictionId,
        at: '2026-11-01T00:00:00.000Z',
        arm: 'champion',
        asked,
        withheld,
        propensities,
      },
      new Map(Object.entries(outcomes)),
      (why, rows) => leftOut.push([why, rows]),
    );
    const named = units.map(({ key, stratum, weight, rows }) => ({
      key,
      stratum,
      weight,
      rows: rows.map((row) => Object.fromEntries(columns.map(({ name }, at) => [name, row[at]]))),
    }));
    return { units: named, leftOut };
  };
  const orders = deliveryTime.example as { instances: Record<string, unknown>[] };
  const order = orders.instances[0] ?? {};

  test('becomes rows with their truth, their prediction and its arm', () => {
    const { units, leftOut } = leftOutOf(
      deliveryTime,
      { api: 'predict', instances: [order, order] },
      { 'row:1': 33 },
    );
    expect(leftOut).toEqual([['withoutOutcome', 1]]);
    expect(units).toMatchObject([
      { key: 'p/1', rows: [{ deliveredInMinutes: 33, predictionId: 'p', arm: 'champion' }] },
    ]);
  });

  test('of a fraud model that nobody reported on is legitimate once it has matured', () => {
    const { instances } = cardFraud.example as { instances: Record<string, unknown>[] };
    const { units } = leftOutOf(
      cardFraud,
      { api: 'predict', instances: [instances[0] ?? {}, instances[0] ?? {}] },
      { 'row:0': 'fraud' },
    );
    expect(units.map(({ stratum }) => stratum)).toEqual(['fraud', 'legitimate']);
  });

  test('of who was declined is left out unseen, and one accepted at random stands for the others', () => {
    const declining = aDecliningModel();
    const instances = ['a', 'b', 'c', 'd'].map((_, at) => ({ a: at }));
    const asked = { api: 'predict' as const, instances };
    const { units, leftOut } = leftOutOf(declining, asked, { 'row:3': 'bad' }, [1, 0, 0.05, 0]);
    expect(leftOut).toEqual([['declined', 1]]);
    expect(units.map(({ key, stratum, weight }) => [key, stratum, weight])).toEqual([
      ['p/0', 'good', 1],
      ['p/2', 'good', 20],
      ['p/3', 'bad', 1],
    ]);
    const sample = new UnitSample(2, 1);
    sample.offer({ ...unit('u1'), weight: 20 });
    sample.offer({ ...unit('u2'), weight: 20 });
    expect(sample.take().map(({ weight }) => weight)).toEqual([20, 20]);
    // Recorded before anybody said what declining hides: nobody can tell who was let through.
    expect(leftOutOf(declining, asked, { 'row:0': 'good' }).leftOut).toEqual(
      Array(3).fill(['declined', 1]),
    );
  });

  test('for a ranking stays whole, with what each item met with', () => {
    const { query, items } = searchRanking.example as {
      query: Record<string, unknown>;
      items: Record<string, unknown>[];
    };
    const [first, second] = items.map(({ id }) => JSON.stringify(id));
    const { units } = leftOutOf(
      searchRanking,
      { api: 'rank', query, items },
      { [`item:${first}`]: 'click', [`item:${second}`]: 'purchase' },
    );
    const { task } = searchRanking;
    if (task.kind !== 'ranking') throw new Error('search-ranking is no ranking');
    expect(units).toHaveLength(1);
    expect(units[0]?.rows.map((row) => row[task.label])).toEqual([
      task.relevance.click,
      task.relevance.purchase,
      ...items.slice(2).map(() => 0),
    ]);
  });

  test('is a query of its own, whatever other search its caller gave the same id', () => {
    const { query, items } = searchRanking.example as {
      query: Record<string, unknown>;
      items: Record<string, unknown>[];
    };
    const keysOf = (queryId: string | null, predictionId: string) => {
      const asked = { api: 'rank' as const, query: { ...query, queryId }, items };
      const { units } = leftOutOf(searchRanking, asked, {}, undefined, [], predictionId);
      return [...new Set(units.flatMap(({ rows }) => rows.map((row) => row['queryId'])))];
    };
    expect(keysOf('search-7', 'p1')).toEqual(['search-7#p1']);
    expect(keysOf('search-7', 'p2')).toEqual(['search-7#p2']);
    expect(keysOf(null, 'p1')).toEqual(['p1']);
  });

  test('that came as tensors, or lacks what the spec requires, is left out and counted', () => {
    const tensors = {
      api: 'infer' as const,
      inputs: [{ name: 'x', datatype: 'FP32', shape: [4, 1], data: [] }],
    };
    expect(leftOutOf(deliveryTime, tensors, {}).leftOut).toEqual([['tensorsOnly', 4]]);
    const incomplete = { api: 'predict' as const, instances: [{ ...order, distanceKm: null }] };
    expect(leftOutOf(deliveryTime, incomplete, { 'row:0': 3 }).leftOut).toEqual([['unfit', 1]]);
  });

  test('whose inputs could not be sealed is left out and counted: the model saw what nobody has', () => {
    const { instances } = cardFraud.example as { instances: Record<string, unknown>[] };
    const asked = { api: 'predict' as const, instances: [instances[0] ?? {}, instances[1] ?? {}] };
    const withheld = ['distanceFromHomeKm'];
    expect(leftOutOf(cardFraud, asked, { 'row:0': 'fraud' }, undefined, withheld)).toEqual({
      units: [],
      leftOut: [['withheld', 2]],
    });
  });

  test('stays in where what was withheld is no input, or no feature any more', () => {
    const { instances } = cardFraud.example as { instances: Record<string, unknown>[] };
    const asked = { api: 'predict' as const, instances: [instances[0] ?? {}] };
    const withheld = ['cardId', 'retired'];
    const { units } = leftOutOf(cardFraud, asked, { 'row:0': 'fraud' }, undefined, withheld);
    expect(units).toHaveLength(1);
  });
});

test.each([
  ['in its row', { asked: '{"api":"predict","instances":[{}]}', withheld: '["a"]' }],
  ['in a line of its own', { line_key: 'long' }],
])('a snapshot reads what was withheld of a prediction %s', async (_, content) => {
  const spec = aModel('small');
  const line = JSON.stringify({ asked: { api: 'predict', instances: [{}] }, withheld: ['a'] });
  const ends: SnapshotState[] = [];
  async function* rows(table: string) {
    const at = '2026-11-01T10:00:00.000Z';
    if (table === 'predictions') yield { prediction_id: 'p', kind: 'answered', at, ...content };
  }
  const parts = {
    specs: [spec],
    archive: { rows, line: async () => line },
    table: {
      findSnapshot: async () => ({
        model: spec.name,
        from: '2026-11-01T00:00:00.000Z',
        to: '2026-11-02T00:00:00.000Z',
        units: 10,
        seed: 1,
        state: { kind: 'running' },
      }),
      finishSnapshot: async (_record: SnapshotRecord, state: SnapshotState) => ends.push(state),
    },
    clock: new ManualClock(),
  };
  await runSnapshot({ model: spec.name, snapshotId: 's' }, parts as unknown as Snapshooter);
  expect(ends[0]).toMatchObject({
    kind: 'refused',
    reason: expect.stringContaining('{"withheld":1}'),
  });
});

test('a scheduled window ends with the last whole day that has matured', () => {
  expect(maturedWindow(Date.parse('2026-11-23T10:00:00Z'), 24, 7)).toEqual({
    from: '2026-11-15T00:00:00.000Z',
    to: '2026-11-22T00:00:00.000Z',
  });
});
