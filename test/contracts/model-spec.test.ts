import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { type ModelSpec, parseModelSpec } from '../../functions/contracts/model-spec.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

z.config(z.locales.en());

const { category, identifier, number } = featuresOf();

test.each([cardFraud, deliveryTime, searchRanking])('$name is a valid spec', (spec) => {
  expect(parseModelSpec(spec, spec.name)).toEqual(spec);
});

const faultsOf = (change: object, base: ModelSpec = deliveryTime): string => {
  try {
    parseModelSpec({ ...base, ...change }, 'the file');
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  return 'no fault';
};

const { monitoring, promotion, signature, features, task } = deliveryTime;

describe('a spec is refused with path and reason', () => {
  test.each<[string, object, RegExp]>([
    [
      'a misspelt key',
      { monitorring: {} },
      /unknown key "monitorring"; allowed: name, description/,
    ],
    [
      'a misspelt key further down',
      { monitoring: { ...monitoring, cadense: 'hour' } },
      /monitoring: unknown key "cadense"; allowed: cadence/,
    ],
    ['a name that is no path segment', { name: 'Delivery Time' }, /name: /],
    [
      'a cadence that does not exist',
      { monitoring: { ...monitoring, cadence: 'day' } },
      /monitoring\.cadence: .*second.*minute.*hour/,
    ],
    [
      'a metric of another task',
      {
        monitoring: {
          ...monitoring,
          objectives: [{ ...monitoring.objectives[0], metric: 'recall' }],
        },
      },
      /monitoring\.objectives\.0\.metric: "recall" is no metric of regression; there are: mae/,
    ],
    [
      'a column of no feature',
      {
        signature: { ...signature, inputs: [{ name: 'x', datatype: 'FP32', columns: ['speed'] }] },
      },
      /signature\.inputs\.0\.columns\.0: no feature is named "speed"/,
    ],
    [
      'a category among numbers',
      { signature: { ...signature, inputs: [{ name: 'x', datatype: 'FP32', columns: ['zone'] }] } },
      /a category feature goes into a BYTES tensor/,
    ],
    [
      'a timestamp without its part',
      {
        signature: {
          ...signature,
          inputs: [{ name: 'x', datatype: 'FP32', columns: ['orderedAt'] }],
        },
      },
      /write \{ feature, part \} for timestamps/,
    ],
    [
      'an identifier as input',
      {
        signature: {
          ...signature,
          inputs: [{ name: 'x', datatype: 'BYTES', columns: ['orderId'] }],
        },
      },
      /an identifier, which a model must not learn/,
    ],
    [
      'an input that may not be logged',
      {
        features: [...features, number('income', 'EUR', [0, 1], 'Income.', { log: 'omit' })],
        signature: { ...signature, inputs: [{ name: 'x', datatype: 'FP32', columns: ['income'] }] },
      },
      /"income" is logged as "omit".*use "sealed"/,
    ],
    [
      'two objectives of one metric',
      {
        monitoring: {
          ...monitoring,
          objectives: [...monitoring.objectives, ...monitoring.objectives.slice(0, 1)],
        },
      },
      /monitoring\.objectives\.\d\.metric: "\w+" has an objective already/,
    ],
    [
      'a hashed number',
      {
        features: [...features, number('born', 'year', [1800, 2100], 'Birth.', { log: 'hash' })],
      },
      /features\.\d+\.log: a dataset could not take the hash in place of the number/,
    ],
    [
      'a hashed category of which every value is known',
      {
        features: [
          ...features,
          category('region', ['north'], 'Where.', { log: 'hash', unknown: 'refuse' }),
        ],
      },
      /features\.\d+\.log: a dataset could not take the hash in place of the category/,
    ],
    [
      'a feature twice',
      { features: [...features, identifier('orderId', 'Again.')] },
      /two features are named "orderId"/,
    ],
    [
      'a prediction that no output has',
      { task: { ...task, prediction: 'hours' } },
      /no output column is named "hours"/,
    ],
    [
      'an entity key of no feature',
      { entityKeys: ['customer'] },
      /entityKeys: no feature is named "customer"/,
    ],
    ['an example of the other kind', { example: searchRanking.example }, /example: ranking wants/],
    [
      'no production step',
      { promotion: { ...promotion, steps: [{ kind: 'smoke-test' }, { kind: 'bake', hours: 1 }] } },
      /exactly one step must be "production"/,
    ],
    [
      'a step after production',
      {
        promotion: {
          ...promotion,
          steps: [
            { kind: 'smoke-test' },
            { kind: 'production' },
            { kind: 'approve', expiresAfterHours: 1 },
          ],
        },
      },
      /"approve" \(step 3\) must come before "production"/,
    ],
    [
      'a ramp that goes down',
      {
        promotion: {
          ...promotion,
          steps: [
            {
              kind: 'pilot',
              ramp: [
                { exposurePercent: 10, bakeMinutes: 1 },
                { exposurePercent: 1, bakeMinutes: 1 },
              ],
              guardrails: [],
            },
            { kind: 'production' },
          ],
        },
      },
      /exposure only grows/,
    ],
    [
      'maturity after the horizon',
      {
        monitoring: {
          ...monitoring,
          outcomes: { maturityHours: 9, horizonHours: 1, silenceMeans: 'unknown' },
        },
      },
      /maturityHours is above horizonHours/,
    ],
  ])('%s', (_, change, reason) => {
    expect(faultsOf(change)).toMatch(reason);
  });

  test('ranking without saying what belongs to the query', () => {
    expect(
      faultsOf({ features: features.map(({ ...feature }) => feature) }, searchRanking),
    ).toMatch(/say "query" or "item" for ranking/);
  });

  test('a query key that is no identifier', () => {
    expect(
      faultsOf({ task: { ...searchRanking.task, queryKey: 'queryWords' } }, searchRanking),
    ).toMatch(/task\.queryKey: "queryWords" names queries, so it must be an identifier/);
  });

  test('a cost by a feature that is no number', () => {
    expect(
      faultsOf(
        {
          task: {
            ...cardFraud.task,
            cost: { currency: 'EUR', falsePositive: 1, falseNegative: { feature: 'country' } },
          },
        },
        cardFraud,
      ),
    ).toMatch(/task\.cost\.falseNegative\.feature: no number feature is named "country"/);
  });

  test.each([
    [{ log: 'sealed' }, 'is not in the log in plain, so a miss could not be valued'],
    [{ log: 'hash' }, 'is not in the log in plain, so a miss could not be valued'],
    [{ log: 'omit' }, 'is not in the log in plain, so a miss could not be valued'],
    [{ required: false }, 'may be missing, so a miss could not be valued'],
  ])('a cost by a feature that is %j', (change, reason) => {
    const priced = cardFraud.features.map((feature) =>
      feature.name === 'amountEur' ? { ...feature, ...change } : feature,
    );
    expect(faultsOf({ features: priced }, cardFraud)).toContain(
      `task.cost.falseNegative.feature: "amountEur" ${reason}`,
    );
  });

  test.each<[string, object, RegExp]>([
    ['a misspelt feature', { distance: 3 }, /example\.instances\.0\.distance: no such feature/],
    [
      'a required feature missing',
      { zone: null },
      /example\.instances\.0\.zone: required, and not given/,
    ],
  ])('an example with %s', (_, change, reason) => {
    const [instance] = (deliveryTime.example as { instances: object[] }).instances;
    expect(faultsOf({ example: { instances: [{ ...instance, ...change }] } })).toMatch(reason);
  });

  test('every fault at once', () => {
    const message = faultsOf({ entityKeys: ['a', 'b'], description: '' });
    expect(message).toMatch(/description: /);
  });
});
