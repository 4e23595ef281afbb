import { describe, expect, test } from 'vitest';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import {
  missingInputs,
  planFeatures,
  repeatFirstRow,
  writeValue,
} from '../../functions/serve/feature-plan.ts';

const plans = planFeatures(deliveryTime);
const planOf = (name: string) => {
  const plan = plans.find(({ feature }) => feature.name === name);
  if (!plan) throw new Error(`no feature is named ${name}`);
  return plan;
};
const write = (name: string, value: unknown) =>
  writeValue(planOf(name), value, 0, missingInputs(deliveryTime, 1));

describe('inputs before anything is written', () => {
  test('hold NaN and empty text', () => {
    expect(missingInputs(deliveryTime, 2)).toEqual([
      {
        name: 'numbers',
        datatype: 'FP32',
        shape: [2, 11],
        data: new Float32Array(22).fill(Number.NaN),
      },
      { name: 'categories', datatype: 'BYTES', shape: [2, 3], data: ['', '', '', '', '', ''] },
    ]);
  });
});

describe('a value', () => {
  test('goes into every column of its feature, in its own row', () => {
    const inputs = missingInputs(deliveryTime, 2);
    writeValue(planOf('orderedAt'), '2026-11-23T18:30:00+01:00', 1, inputs);
    writeValue(planOf('hasElevator'), true, 1, inputs);
    writeValue(planOf('weather'), 'rain', 0, inputs);
    const [numbers, categories] = inputs.map(({ data }) => [...data]);
    expect(numbers?.slice(0, 11)).toEqual(Array.from({ length: 11 }, () => Number.NaN));
    expect(numbers?.slice(11, 13)).toEqual([18.5, 0]);
    expect(numbers?.[20]).toBe(1);
    expect(categories).toEqual(['', 'rain', '', '', '', '']);
  });

  test('of the first row can be given to all', () => {
    const inputs = missingInputs(deliveryTime, 3);
    writeValue(planOf('vehicle'), 'van', 0, inputs);
    writeValue(planOf('floor'), -2, 0, inputs);
    repeatFirstRow([planOf('vehicle'), planOf('floor')], 3, inputs);
    expect(inputs[1]?.data).toEqual(['van', '', '', 'van', '', '', 'van', '', '']);
    expect([8, 19, 30].map((at) => inputs[0]?.data[at])).toEqual([-2, -2, -2]);
  });

  test.each([
    ['distanceKm', 0],
    ['distanceKm', 40],
    ['floor', null],
    ['floor', undefined],
    ['hasElevator', false],
    ['vehicle', 'cargo-drone'],
    ['weather', ''],
    ['orderId', 'order-1'],
    ['orderId', 9007199254740991],
    ['orderedAt', '2026-02-28T23:59:59.999Z'],
  ])('of %s may be %j', (name, value) => {
    expect(write(name, value)).toBeUndefined();
  });
});

describe('a value that is refused', () => {
  test.each([
    ['distanceKm', '3', 'expected a number, got text'],
    ['distanceKm', [3], 'expected a number, got a list'],
    ['distanceKm', true, 'expected a number, got true'],
    ['distanceKm', 40.001, 'expected 0 to 40 km, got 40.001'],
    ['distanceKm', -1, 'expected 0 to 40 km, got -1'],
    ['distanceKm', Number.POSITIVE_INFINITY, 'expected a finite number, got NaN or an infinity'],
    ['distanceKm', null, 'required, got null'],
    ['distanceKm', undefined, 'required, got nothing'],
    ['hasFrozenItems', 1, 'expected true or false, got 1'],
    ['vehicle', 7, 'expected text, got 7'],
    ['vehicle', '', 'required, got empty text'],
    ['vehicle', '\udc00', 'the text holds half of a surrogate pair'],
    ['zone', 'moon', 'expected one of centre, north, east, south, west, outskirts; got "moon"'],
    [
      'orderedAt',
      '2026-11-23',
      'expected a time with offset like 2026-11-23T18:30:00+01:00, got "2026-11-23"',
    ],
    [
      'orderedAt',
      1_700_000_000,
      'expected a time with offset like 2026-11-23T18:30:00+01:00, got 1700000000',
    ],
    ['orderId', 1.5, 'expected text of 1 to 256 characters or an integer within ±2^53, got 1.5'],
  ])('of %s may not be %j', (name, value, problem) => {
    expect(write(name, value)).toBe(problem);
  });

  test('of a category with many known values names the first ones', () => {
    const { category } = featuresOf();
    const values = Array.from({ length: 100 }, (_, at) => `v${at}`);
    const feature = category('shelf', values, 'Where it stands.', { unknown: 'refuse' });
    const plan = planFeatures({ ...deliveryTime, features: [feature] })[0];
    expect(plan && writeValue(plan, 'x', 0, [])).toMatch(/v28, v29, …; got "x"$/);
  });
});
