import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { type RunningStack, serveLinear, startStack } from '../builders/running-stack.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([deliveryTime, searchRanking]);
  await serveLinear(stack, deliveryTime, { bias: 30 });
  await serveLinear(stack, searchRanking, { bias: 0.5 });
});
afterAll(() => stack.dispose());

describe('a caller over HTTP', () => {
  test('predicts by named features', async () => {
    const { status, json } = await stack.call('POST', '/v1/models/delivery-time/predict', { unit: 'customer-1', ...deliveryTime.example });
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
});
