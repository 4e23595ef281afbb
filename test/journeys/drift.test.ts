import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DatasetProfile } from '../../functions/contracts/dataset-profile.ts';
import type { DriftFound } from '../../functions/contracts/evaluation-events.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { versionProfile } from '../../functions/measures/version-profile.ts';
import { archivedIds } from '../builders/archive.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, startStack, until } from '../builders/running-stack.ts';
import { toldOf } from '../builders/told.ts';

const specOf = (name: string) => {
  const { monitoring } = aModel(name);
  const drift = { psi: 0.2, minimumRows: 500, windowHours: 24 };
  return aModel(name, { monitoring: { ...monitoring, drift } });
};
const [steady, shifting] = [specOf('steady'), specOf('shifting')];

const random = seededRandom(11, 'journey');
const rows = (count: number, shift = 0) =>
  Array.from({ length: count }, () => ({
    a: random.normal() + shift,
    b: random.normal(),
    c: random.normal(),
  }));
const trained = rows(3000);
const graph = linearGraph(steady, { weight: 1 });
const profile = versionProfile(
  steady,
  trained,
  trained.map(({ a, b, c }) => a + b + c),
);

let stack: RunningStack;
beforeAll(async () => {
  stack = await startStack([steady, shifting]);
  for (const { name } of [steady, shifting]) {
    const { version } = await stack.client.register(name, graph, 'profiled', profile);
    await stack.client.setChampion(name, version, 0, 'for a test');
  }
});
afterAll(() => stack.dispose());

const found = () => toldOf<DriftFound>(stack, 'DriftFound');

const registering = (refused: unknown) =>
  stack.client
    .register('steady', linearGraph(steady, { bias: 9 }), '', refused as DatasetProfile)
    .then(
      () => undefined,
      ({ status, message }) => ({ status, message }),
    );

test('a profile that cannot be a reference is refused with its reasons', async () => {
  const [first, ...others] = profile.columns;
  const broken = { ...profile, columns: [{ ...first, counts: [1, 2] }, ...others] };
  expect(await registering(broken)).toMatchObject({
    status: 422,
    message: expect.stringContaining('"a" has 9 edges and 2 counts'),
  });
  expect(await registering({ rows: 'many' })).toMatchObject({ status: 400 });
});

test('what a model is asked is compared with what its version was made from', async () => {
  for (const [model, shift] of [
    ['steady', 0],
    ['shifting', 1.5],
  ] as const)
    for (let request = 0; request < 4; request++) {
      const { status } = await stack.call('POST', `/v1/models/${model}/predict`, {
        instances: rows(250, shift),
      });
      expect(status).toBe(200);
    }
  const gauge = (name: string, Model: string) =>
    stack.metrics.statistics('Slipway', name, { Model });
  await until(() =>
    ['steady', 'shifting'].every((model) => gauge('RecordedRows', model).sum === 1000),
  );
  // Firehose writes what it holds after five minutes.
  stack.clock.advance(6 * 60_000);
  await until(async () => (await archivedIds(stack, 'predictions')).size === 8);
  stack.clock.advance(61 * 60_000);
  await until(() =>
    ['steady', 'shifting'].every((model) => gauge('DriftedShare', model).count > 0),
  );
  expect(gauge('LargestStability', 'steady').maximum).toBeLessThan(0.1);
  expect(gauge('PredictionStability', 'steady').maximum).toBeLessThan(0.1);
  expect(gauge('DriftedShare', 'shifting').maximum).toBeCloseTo(1 / 3, 9);
  await until(async () => (await found()).length > 0);
  const [first, ...others] = await found();
  expect(others).toEqual([]);
  expect(first).toMatchObject({
    model: 'shifting',
    version: '1',
    rows: 1000,
    usesOutcomes: false,
    features: [{ name: 'a' }],
    prediction: { name: 'points' },
  });
});

test('drift that lasts is found once', async () => {
  const looks = () =>
    stack.metrics.statistics('Slipway', 'DriftedShare', { Model: 'shifting' }).count;
  const before = looks();
  for (const hour of [1, 2, 3]) {
    stack.clock.advance(61 * 60_000);
    await until(() => looks() >= before + hour);
  }
  expect(await found()).toHaveLength(1);
});

test('nothing went wrong behind all that', () => {
  expect(stack.faults).toEqual([]);
});
