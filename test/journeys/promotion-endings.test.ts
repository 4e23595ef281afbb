import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { cardFraudWorld } from '../../infra/local/demo/worlds/card-fraud.ts';
import { deliveryTimeWorld } from '../../infra/local/demo/worlds/delivery-time.ts';
import { searchRankingWorld } from '../../infra/local/demo/worlds/search-ranking.ts';
import { deleteArtifact } from '../builders/artifacts.ts';
import { candidate, passTime, showPromotion, startPromotion } from '../builders/promoted.ts';
import {
  MONDAY_MORNING,
  type RunningStack,
  serveLinear,
  startStack,
  until,
} from '../builders/running-stack.ts';
import { WorldTraffic } from '../builders/world-traffic.ts';

/** What every team's plan has in some form: budgets of time, then real callers. */
const withinBudgetsThenPiloted = (spec: ModelSpec): ModelSpec => ({
  ...spec,
  promotion: {
    ...spec.promotion,
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'test-performance',
        batchSizes: [1],
        p50Ms: 3,
        p99Ms: 2000,
        coldStartMs: 60_000,
        memoryMb: 2000,
        requestsPerSecond: 1,
      },
      { kind: 'pilot', ramp: [{ exposurePercent: 100, bakeMinutes: 240 }], guardrails: [] },
      { kind: 'production' },
    ],
  },
});

const TEAMS = [
  { spec: withinBudgetsThenPiloted(deliveryTime), world: deliveryTimeWorld, usual: { bias: 20 } },
  {
    spec: withinBudgetsThenPiloted(searchRanking),
    world: searchRankingWorld,
    usual: { weight: 0.001 },
  },
  { spec: withinBudgetsThenPiloted(cardFraud), world: cardFraudWorld, usual: { bias: 0.01 } },
];

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack(
    TEAMS.map(({ spec }) => spec),
    { startsAt: MONDAY_MORNING },
  );
  for (const { spec, usual } of TEAMS) await serveLinear(stack, spec, usual);
});
afterAll(() => stack.dispose());

const isOver = ({ state }: Promotion): boolean => state !== 'running';

describe.each(TEAMS)('a version of $spec.name', ({ spec, world, usual }) => {
  const begin = async (graph: Parameters<typeof candidate>[2]) =>
    startPromotion(stack, spec, await candidate(stack, spec, { ...usual, ...graph }));

  /** A promotion in its pilot, known wherever it serves. */
  async function piloted(note: string): Promise<Promotion> {
    const promotion = await begin({ note });
    await until(async () => (await stack.client.route(spec.name))?.challenger !== undefined);
    // A route is at most this old where it serves.
    stack.clock.advance(6000);
    return promotion;
  }

  test('that is slower than its budget is rejected with the numbers', async () => {
    const before = await stack.client.route(spec.name);
    const ended = await passTime(stack, await begin({ slow: true }), isOver);
    expect(ended).toMatchObject({
      state: 'rejected',
      idea: 'bad',
      reason: expect.stringMatching(/p50 of 1 rows takes [0-9.]+ ms, at most 3 are allowed/),
      place: { step: 1 },
    });
    expect(await stack.client.route(spec.name)).toEqual(before);
  });

  test('that breaks in its pilot falls back without a failed request, and is taken back', async () => {
    const traffic = new WorldTraffic(stack, spec, world);
    const promotion = await piloted('to be broken');
    await deleteArtifact(stack, spec.name, promotion.version);
    const ended = await passTime(stack, promotion, isOver, async () => {
      await traffic.flow(20);
      await traffic.recorded();
    });
    expect(ended).toMatchObject({
      state: 'rolled-back',
      idea: 'bad',
      reason: expect.stringMatching(/failures are the challenger's/),
      place: { step: 2 },
    });
    expect(traffic.failed).toEqual([]);
    expect([...traffic.versions.keys()]).toEqual(['1']);
    expect((await stack.client.route(spec.name))?.challenger).toBeUndefined();
  });

  test('that is aborted in its pilot leaves the champion as it was', async () => {
    const before = await stack.client.route(spec.name);
    const traffic = new WorldTraffic(stack, spec, world);
    const promotion = await piloted('to be aborted');
    await until(async () => {
      await traffic.flow(20);
      return traffic.versions.has(promotion.version);
    });
    const path = `/v1/promotions/${spec.name}/${promotion.id}/abort`;
    await stack.client.request('POST', path, { reason: 'enough seen' });
    expect(await showPromotion(stack, promotion)).toMatchObject({
      state: 'aborted',
      idea: 'undecided',
    });
    const { champion, challenger } = (await stack.client.route(spec.name)) ?? {};
    expect(challenger).toBeUndefined();
    expect(champion).toEqual(before?.champion);
    stack.clock.advance(6000);
    // Where the table of routes is slow to answer, an older route serves a little longer.
    await until(async () => {
      traffic.versions.clear();
      await traffic.flow(20);
      return !traffic.versions.has(promotion.version);
    });
    expect([...traffic.versions.keys()]).toEqual(['1']);
    expect(traffic.failed).toEqual([]);
  });
});

test('nothing failed behind the API', () => expect(stack.faults).toEqual([]));
