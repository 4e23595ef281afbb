import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { compileInstanceReader } from '../../functions/serve/named-request.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { instanceOf } from './instance-data.ts';
import { isReadOrRefused, refusalOf } from './refusal.ts';

const order = {
  orderId: 'order-1',
  orderedAt: '2026-11-23T18:30:00+01:00',
  distanceKm: 3.25,
  itemCount: 18,
  storeQueueOrders: 6,
  couriersFree: 2,
  trafficIndex: 1.5,
  floor: null,
  hasFrozenItems: true,
  vehicle: 'cargo-drone',
  zone: 'north',
};
const query = {
  searchedAt: '2026-11-23T20:15:00+01:00',
  queryWords: 2,
  device: 'phone',
  isMember: true,
};
const item = {
  textMatch: 11.25,
  priceEur: 24.5,
  discountPercent: 0,
  reviewCount: 310,
  daysListed: 400,
  inStock: false,
  department: 'kitchen',
};
const { readPredict } = compileInstanceReader(deliveryTime);
const { readRank } = compileInstanceReader(searchRanking);
const bytes = (body: unknown) =>
  Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
const predictDetails = (body: unknown) => refusalOf(() => readPredict(bytes(body), {})).details;
const rankDetails = (body: unknown) => refusalOf(() => readRank(bytes(body), {})).details;

describe('predict', () => {
  test('turns instances into the tensors of the signature', () => {
    const { instances, ...read } = readPredict(
      bytes({ unit: 'customer-7', instances: [order] }),
      {},
    );
    expect(instances).toEqual([order]);
    const { NaN: missing } = Number;
    expect(read).toEqual({
      unit: 'customer-7',
      rows: 1,
      inputs: [
        {
          name: 'numbers',
          datatype: 'FP32',
          shape: [1, 11],
          data: Float32Array.of(18.5, 0, 3.25, 18, missing, 6, 2, 1.5, missing, missing, 1),
        },
        {
          name: 'categories',
          datatype: 'BYTES',
          shape: [1, 3],
          data: ['cargo-drone', '', 'north'],
        },
      ],
    });
  });

  test('takes as many rows as the limit and no more', () => {
    const instances = new Array(LIMITS.rowsPerRequest).fill({ ...order, orderId: undefined });
    expect(readPredict(bytes({ instances }), {}).inputs[0]?.shape).toEqual([10_000, 11]);
    expect(predictDetails({ instances: [...instances, order] })).toEqual([
      'instances: 10001 rows; at most 10000 are taken: split the request',
    ]);
  });

  test('is not for ranking models', () => {
    expect(
      refusalOf(() => compileInstanceReader(searchRanking).readPredict(bytes({}), {})),
    ).toEqual({
      status: 404,
      code: 'PATH_NOT_FOUND',
      error: '"search-ranking" does ranking: POST /v1/models/search-ranking/rank',
      details: [],
    });
  });
});

describe('predict is refused', () => {
  test.each([
    [{}, ['instances: expected a list of objects, got nothing']],
    [{ instances: { 0: order } }, ['instances: expected a list of objects, got an object']],
    [{ instances: [] }, ['instances: the list is empty; give at least one']],
    [{ instances: [order, 5] }, ['instances[1]: expected an object, got 5']],
    [{ instances: [order], rows: 1 }, ['"rows": unknown key; allowed: unit, instances']],
    [
      '{"instances":[],"__proto__":{"a":1}}',
      [
        '"__proto__": unknown key; allowed: unit, instances',
        'instances: the list is empty; give at least one',
      ],
    ],
    [{ unit: 5, instances: [order] }, ['unit: expected text, got 5']],
    [{ unit: '', instances: [order] }, ['unit: expected 1 to 256 characters, got 0']],
    [
      { instances: [order, { ...order, distanceKm: 'far', zone: 'moon' }] },
      [
        'instances[1].distanceKm: expected a number, got text',
        'instances[1].zone: expected one of centre, north, east, south, west, outskirts; got "moon"',
      ],
    ],
    [
      { instances: [{ ...order, distnceKm: 3 }] },
      ['instances[0]["distnceKm"]: unknown feature; did you mean "distanceKm"?'],
    ],
    [
      { instances: [{ ...order, vehicle: undefined, colour: 'red' }] },
      [
        'instances[0].vehicle: required, got nothing',
        'instances[0]["colour"]: unknown feature; allowed: orderId, orderedAt, distanceKm, itemCount, basketWeightKg, storeQueueOrders, couriersFree, trafficIndex, floor, hasElevator, hasFrozenItems, vehicle, weather, zone',
      ],
    ],
  ])('for %j', (body, details) => {
    expect(predictDetails(body)).toEqual(details);
  });
});

describe('predict is not misled', () => {
  test.each(['NaN', 'Infinity', '-Infinity', '1e999'])(
    'refuses %s even where null may stand',
    (literal) => {
      const text = JSON.stringify({ instances: [order] }).replace(
        '"floor":null',
        `"floor":${literal}`,
      );
      expect(predictDetails(text)).toEqual([
        'instances[0].floor: expected a finite number, got NaN or an infinity',
      ]);
    },
  );

  test.each(['__proto__', 'constructor', 'toString'])('refuses a feature named %s', (name) => {
    const text = JSON.stringify({ instances: [order] }).replace(
      '{"orderId"',
      `{"${name}":1,"orderId"`,
    );
    expect(predictDetails(text)[0]).toContain(`instances[0]["${name}"]: unknown feature; `);
  });

  test.each(['[]', '"a"', 'null', '5'])('refuses a body of %s', (text) => {
    expect(refusalOf(() => readPredict(bytes(text), {})).code).toBe('BAD_BODY');
  });

  test('refuses what curl sends as a form', () => {
    const headers = { 'content-type': 'application/x-www-form-urlencoded' };
    expect(refusalOf(() => readPredict(bytes({ instances: [order] }), headers)).status).toBe(415);
  });

  test('a feature that is named like a method of every object is missing, not a function', () => {
    const { number } = featuresOf();
    const features = [number('toString', 'km', [0, 1], 'A trap.')];
    const spec = { ...deliveryTime, features };
    const reader = compileInstanceReader(spec);
    expect(refusalOf(() => reader.readPredict(bytes({ instances: [{}] }), {})).details).toEqual([
      'instances[0].toString: required, got nothing',
    ]);
  });
});

describe('rank', () => {
  test('gives every item the features of the query', () => {
    const items = [
      { id: 'a', ...item },
      { id: 2, ...item, priceEur: 5, rating: 4.5 },
    ];
    const { inputs, ids, rows } = readRank(bytes({ query, items }), {});
    const { NaN: missing } = Number;
    expect({ ids, rows, data: inputs.map(({ data }) => data) }).toEqual({
      ids: ['a', 2],
      rows: 2,
      data: [
        Float32Array.of(
          ...[20.25, 2, 1, 11.25, missing, 24.5, 0, missing, 310, missing, 400, 0],
          ...[20.25, 2, 1, 11.25, missing, 5, 0, 4.5, 310, missing, 400, 0],
        ),
        ['', 'phone', 'kitchen', '', 'phone', 'kitchen'],
      ],
    });
  });

  test('is for ranking models only', () => {
    expect(refusalOf(() => compileInstanceReader(cardFraud).readRank(bytes({}), {})).error).toBe(
      '"card-fraud" does classification: POST /v1/models/card-fraud/predict',
    );
  });
});

describe('rank is refused', () => {
  const items = [{ id: 'a', ...item }];
  test.each([
    [{ items }, ['query: expected an object, got nothing']],
    [{ query }, ['items: expected a list of objects, got nothing']],
    [{ query, items: [] }, ['items: the list is empty; give at least one']],
    [{ query, items, instances: [] }, ['"instances": unknown key; allowed: unit, query, items']],
    [
      { query, items: [item] },
      ['items[0].id: expected text of 1 to 256 characters or an integer within ±2^53, got nothing'],
    ],
    [
      { query, items: [{ id: null, ...item }] },
      ['items[0].id: expected text of 1 to 256 characters or an integer within ±2^53, got null'],
    ],
    [
      { query, items: [{ id: 2 ** 53, ...item }] },
      [
        'items[0].id: expected text of 1 to 256 characters or an integer within ±2^53, got 9007199254740992',
      ],
    ],
    [{ query, items: [...items, ...items] }, ['items[1].id: "a" is the id of an item before']],
    [
      { query: { ...query, priceEur: 3 }, items: [{ ...items[0], device: 'phone' }] },
      ['query.priceEur: belongs to each item', 'items[0].device: belongs to the query'],
    ],
    [{ query: { ...query, id: 'q' }, items }, ['query.id: belongs to each item']],
    [
      { query: { ...query, queryWords: 0 }, items: [{ ...items[0], inStock: 'yes' }] },
      [
        'query.queryWords: expected 1 to 50 count, got 0',
        'items[0].inStock: expected true or false, got text',
      ],
    ],
  ])('for %j', (body, details) => {
    expect(rankDetails(body)).toEqual(details);
  });
});

const isSound = ({ data }: Tensor): boolean =>
  [...data].every(
    (value) => typeof value === 'string' || Number.isNaN(value) || Number.isFinite(Number(value)),
  );

describe('whatever a spec allows is read', () => {
  test.each([deliveryTime, cardFraud])('by $name', (spec) => {
    const reader = compileInstanceReader(spec);
    fc.assert(
      fc.property(
        fc.array(instanceOf(spec.features), { minLength: 1, maxLength: 5 }),
        (instances) => {
          const { inputs, rows } = reader.readPredict(bytes({ instances }), {});
          expect(rows).toBe(instances.length);
          expect(inputs.every(isSound)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });

  test('by search-ranking', () => {
    const ofQuery = searchRanking.features.filter(({ of }) => of === 'query');
    const ofItem = searchRanking.features.filter(({ of }) => of === 'item');
    fc.assert(
      fc.property(
        instanceOf(ofQuery),
        fc.array(instanceOf(ofItem), { minLength: 1, maxLength: 5 }),
        (asked, found) => {
          const numbered = found.map((each, id) => ({ id, ...each }));
          const { inputs, ids } = readRank(bytes({ query: asked, items: numbered }), {});
          expect(ids).toEqual(numbered.map(({ id }) => id));
          expect(inputs.every(isSound)).toBe(true);
        },
      ),
      { numRuns: 1000 },
    );
  });
});

describe('whatever is sent is read or refused', () => {
  test.each([
    ['predict', readPredict, { instances: [order] }],
    ['rank', readRank, { query, items: [{ id: 'a', ...item }] }],
  ] as const)('by %s', (_, read, body) => {
    const text = JSON.stringify(body);
    fc.assert(
      fc.property(fc.nat(text.length), fc.nat(20), fc.json(), (at, removed, added) => {
        const mutated = text.slice(0, at) + added + text.slice(at + removed);
        isReadOrRefused(() => read(bytes(mutated), {}));
        isReadOrRefused(() => read(bytes(added), {}));
        expect(Object.keys(Object.prototype)).toEqual([]);
      }),
      { numRuns: 2000 },
    );
  });
});
