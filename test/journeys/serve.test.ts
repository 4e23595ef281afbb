import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const specs = [deliveryTime, searchRanking, cardFraud];
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack(specs);
  await serveLinear(stack, deliveryTime, { bias: 30 });
  await serveLinear(stack, searchRanking, { weight: 0.001 });
  await serveLinear(stack, cardFraud, { bias: 0.2 });
});
afterAll(() => stack.dispose());

const { items } = searchRanking.example as { items: Record<string, unknown>[] };
const query = (searchRanking.example as { query: object }).query;

async function linesOf(group: string): Promise<Record<string, unknown>[]> {
  const lines: Record<string, unknown>[] = [];
  for await (const { message } of stack.logs.read(`/slipway/main/${group}`))
    lines.push(JSON.parse(message));
  return lines;
}

describe('a caller', () => {
  test('gets a prediction an instance, by named features', async () => {
    const { status, json } = await stack.call('POST', '/v1/models/delivery-time/predict', {
      unit: 'customer-1',
      ...deliveryTime.example,
    });
    expect({ status, json }).toEqual({
      status: 200,
      json: {
        predictionId: expect.any(String),
        model: 'delivery-time',
        version: '1',
        arm: 'champion',
        predictions: [{ minutes: 30, minutesLow: 30, minutesHigh: 30 }],
      },
    });
  });

  test('gets a decision beside the probability', async () => {
    const { json } = await stack.call('POST', '/v1/models/card-fraud/predict', cardFraud.example);
    expect(json['predictions']).toEqual([
      { fraudProbability: expect.closeTo(0.2), anomaly: expect.closeTo(0.2), decision: 'fraud' },
    ]);
  });

  test('gets the items sorted by interest', async () => {
    const { json } = await stack.call('POST', '/v1/models/search-ranking/rank', { query, items });
    const ranked = json['items'] as { id: string; interest: number; rank: number }[];
    expect(ranked.map(({ id }) => id).toSorted()).toEqual(['kettle', 'rake', 'saucepan']);
    expect(ranked.map(({ rank }) => rank)).toEqual([1, 2, 3]);
    expect(ranked.map(({ interest }) => interest)).toEqual(
      ranked.map(({ interest }) => interest).toSorted((a, b) => b - a),
    );
  });

  test('finds one line of each request in the log, with its metrics', async () => {
    const { json } = await stack.call('POST', '/v1/models/delivery-time/predict', {
      unit: 'customer-2',
      ...deliveryTime.example,
    });
    const line = (await linesOf('serve/request/delivery-time')).filter(
      ({ predictionId }) => predictionId === json['predictionId'],
    );
    expect(line).toHaveLength(1);
    expect(line[0]).toMatchObject({
      kind: 'prediction',
      unit: 'customer-2',
      arm: 'champion',
      rows: 1,
      Requests: 1,
      withheld: [],
      // `floor` is in it, where nobody who reads the log can see it.
      sealed: { dataKey: expect.any(String), ciphertext: expect.any(String) },
      outputs: [{ name: 'delivery', datatype: 'FP32', shape: [1, 3], data: [30, 30, 30] }],
    });
    expect(JSON.stringify(line)).not.toContain('"floor":');
  });

  test('is counted in a metric by model', async () => {
    const before = stack.metrics.statistics('Slipway', 'Requests', { Model: 'card-fraud' }).sum;
    await stack.call('POST', '/v1/models/card-fraud/predict', cardFraud.example);
    expect(stack.metrics.statistics('Slipway', 'Requests', { Model: 'card-fraud' }).sum).toBe(
      before + 1,
    );
  });

  test.each(specs)('sees that $name is ready, by running its example', async ({ name }) => {
    expect(await stack.call('GET', `/v2/models/${name}/ready`)).toMatchObject({
      status: 200,
      json: { name, ready: true },
    });
  });

  test('reads the API description and finds the models in it', async () => {
    const { status, json } = await stack.call('GET', '/openapi.json');
    expect(status).toBe(200);
    expect(json['openapi']).toBe('3.1.0');
    expect(Object.keys(json['paths'] as object)).toContain('/v1/models/card-fraud/predict');
  });

  test('lists the models', async () => {
    expect((await stack.call('GET', '/v2/models')).json).toEqual({
      models: specs.map(({ name }) => name),
    });
  });

  test('without a key is refused', async () => {
    const { status, json } = await stack.call('GET', '/v2', undefined, { 'x-api-key': 'made-up' });
    expect({ status, code: json['code'] }).toEqual({ status: 403, code: 'FORBIDDEN' });
  });

  test('cannot reach operator paths with a key', async () => {
    expect((await stack.call('GET', '/v1/versions/delivery-time')).status).toBe(404);
  });

  test('sends 1,000 products and gets them all back', async () => {
    const many = Array.from({ length: 1000 }, (_, at) => ({ ...items[at % items.length], id: at }));
    const { status, json } = await stack.call('POST', '/v1/models/search-ranking/rank', {
      query,
      items: many,
    });
    expect(status).toBe(200);
    expect(json['items']).toHaveLength(1000);
  });

  test('sends a request too long for one log event, and its record comes in parts', async () => {
    const instances = Array.from(
      { length: 2000 },
      () => (deliveryTime.example as { instances: object[] }).instances[0],
    );
    const { json } = await stack.call('POST', '/v1/models/delivery-time/predict', { instances });
    const parts = (await linesOf('serve/request/delivery-time')).filter(
      ({ id }) => id === json['predictionId'],
    );
    const whole = JSON.parse(
      parts
        .toSorted((a, b) => Number(a['part']) - Number(b['part']))
        .map(({ text }) => text)
        .join(''),
    );
    expect(whole).toMatchObject({ predictionId: json['predictionId'], rows: 2000 });
    expect(parts.length).toBe(parts[0]?.['of']);
  });
});

test('nothing went wrong behind the API', async () => {
  await until(() => true);
  expect(stack.faults).toEqual([]);
});
