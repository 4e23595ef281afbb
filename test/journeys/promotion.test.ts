import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import {
  candidate,
  passTime,
  refusalOf,
  showPromotion,
  startPromotion,
  statesOf,
} from '../builders/promoted.ts';
import { type RunningStack, serveLinear, startStack } from '../builders/running-stack.ts';

const short = aModel('short', {
  promotion: {
    unit: 'customer',
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'test-performance',
        batchSizes: [1, 10],
        p50Ms: 200,
        p99Ms: 2000,
        coldStartMs: 60_000,
        memoryMb: 2000,
        requestsPerSecond: 1,
      },
      { kind: 'production' },
      { kind: 'bake', hours: 1 },
    ],
  },
});

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([short]);
  await serveLinear(stack, short, { bias: 10 });
});
afterAll(() => stack.dispose());

describe('a version', () => {
  test('reaches production by its plan, and its idea is good', async () => {
    const version = await candidate(stack, short, { bias: 11 });
    const promotion = await startPromotion(stack, short, version);
    expect(promotion).toMatchObject({ id: 'short-p1', state: 'running', version });
    const ended = await passTime(stack, promotion, ({ state }) => state !== 'running');
    expect(ended).toMatchObject({ state: 'promoted', idea: 'good' });
    expect(await statesOf(stack, promotion)).toEqual(
      expect.arrayContaining(['Smoke test', 'Test performance', 'Production', 'Bake', 'Keep']),
    );
    const route = await stack.client.route(short.name);
    expect(route?.champion.version).toBe(version);
    expect(route?.formerChampion?.version).toBe('1');
    expect(stack.faults).toEqual([]);
  });

  test('is the only one on its way: a second is refused with the id of the first', async () => {
    const version = await candidate(stack, short, { bias: 12 });
    const promotion = await startPromotion(stack, short, version);
    const other = await candidate(stack, short, { bias: 13 });
    const refused = await refusalOf(startPromotion(stack, short, other));
    expect(refused).toMatchObject({ status: 409, code: 'PROMOTION_RUNNING' });
    expect(refused.message).toContain(promotion.id);
    const aborted = await stack.client.request(
      'POST',
      `/v1/promotions/${short.name}/${promotion.id}/abort`,
      { reason: 'enough seen' },
    );
    expect(aborted).toMatchObject({ state: 'aborted', idea: 'undecided' });
    expect(await showPromotion(stack, promotion)).toMatchObject({ state: 'aborted' });
  });
});
