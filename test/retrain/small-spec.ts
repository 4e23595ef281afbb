import type { Feature } from '../../functions/contracts/feature.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Task } from '../../functions/contracts/task.ts';
import type { SeededRandom } from '../../functions/measures/seeded-random.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import type { Instance } from '../../functions/retrain/labelled-rows.ts';

const described = { description: 'For a test.', required: false, log: 'plain' } as const;

const numberFeature = (name: string): Feature => ({
  kind: 'number',
  name,
  ...described,
  unit: 'count',
  range: { minimum: -1e38, maximum: 1e38 },
});
const categoryFeature = (name: string): Feature => ({
  kind: 'category',
  name,
  ...described,
  values: ['a'],
  unknown: 'missing',
});

/** Two numbers, a boolean, an instant's hour and two categories: every way a column is filled. */
export const smallFeatures = {
  features: [
    numberFeature('x'),
    numberFeature('y'),
    { kind: 'boolean', name: 'flag', ...described },
    { kind: 'timestamp', name: 'at', ...described },
    categoryFeature('colour'),
    categoryFeature('shop'),
  ] satisfies Feature[],
  inputs: [
    {
      name: 'numbers',
      datatype: 'FP32',
      columns: ['x', 'y', 'flag', { feature: 'at', part: 'hour-of-day' }],
    },
    { name: 'categories', datatype: 'BYTES', columns: ['colour', 'shop'] },
  ] satisfies ModelSpec['signature']['inputs'],
};

const OF_TASK = {
  regression: deliveryTime,
  ranking: searchRanking,
  classification: cardFraud,
} as const;

/** The reference model of a task with few features and few, small trees. */
export function smallSpec(kind: Task['kind']): ModelSpec {
  const reference = OF_TASK[kind];
  return {
    ...reference,
    features: smallFeatures.features,
    signature: { inputs: smallFeatures.inputs, outputs: reference.signature.outputs },
    entityKeys: [],
    retraining: {
      ...reference.retraining,
      trainer: {
        kind: 'gbdt',
        trees: 12,
        leaves: 8,
        learningRate: 0.2,
        minimumChildRows: 4,
        anomalyTrees: kind === 'classification' ? 10 : 0,
      },
    },
  };
}

const COLOURS = ['red', 'green', 'blue', 'ÄöÜ', '🙂'];

/** A row of the small features, one value in eight missing. */
export function smallInstance(random: SeededRandom): Instance {
  const maybe = <Value>(value: Value): Value | null => (random.next() < 1 / 8 ? null : value);
  const hour = String(random.integer(24)).padStart(2, '0');
  return {
    x: maybe(random.normal()),
    y: maybe(Math.exp(3 * random.normal())),
    flag: maybe(random.next() < 0.5),
    at: maybe(`2026-03-0${1 + random.integer(9)}T${hour}:15:30+01:00`),
    colour: maybe(COLOURS[random.integer(COLOURS.length)] ?? 'red'),
    shop: maybe(`shop-${random.integer(30)}`),
  };
}

/** Values a caller may send that no training row had. */
export const EXTREME_INSTANCES: readonly Instance[] = [
  {},
  { x: null, y: null, flag: null, at: null, colour: null, shop: null },
  { x: 3.4e38, y: -3.4e38, colour: 'never seen', shop: '' },
  { x: -3.4e38, y: 3.4e38, flag: true, at: '0001-01-01T00:00:00Z', colour: 'RED' },
  {
    x: 1e-45,
    y: -0,
    flag: false,
    at: '9999-12-31T23:59:59.999999Z',
    colour: 'red',
    shop: 'shop-1',
  },
  {
    x: Number.MIN_VALUE,
    y: 2 ** -149,
    at: '2026-02-28T23:59:59.9999999+14:00',
    colour: 'x'.repeat(100),
  },
];

/** Something to learn that uses every feature, missing values included. */
export function smallSignal(instance: Instance): number {
  const x = typeof instance['x'] === 'number' ? instance['x'] : -1;
  const y = typeof instance['y'] === 'number' ? Math.log(instance['y']) : 2;
  const warm = instance['colour'] === 'red' || instance['colour'] === null ? 1.5 : 0;
  const shop = instance['shop'] === 'shop-7' || instance['shop'] === 'shop-3' ? 2 : 0;
  return 2 * x + 0.5 * y * (instance['flag'] === true ? 1 : 0.2) + warm + shop;
}
