import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { searchRankingWorld } from '../../infra/local/demo/worlds/search-ranking.ts';
import { candidate, passTime, startPromotion, statesOf } from '../builders/promoted.ts';
import {
  MONDAY_MORNING,
  type RunningStack,
  serveLinear,
  startStack,
} from '../builders/running-stack.ts';
import { validationSet } from '../builders/validation-set.ts';
import { WorldTraffic } from '../builders/world-traffic.ts';

/** The team's own way, with less patience: fewer days, larger effects. */
const spec: ModelSpec = {
  ...searchRanking,
  promotion: {
    unit: 'session',
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'evaluate-offline',
        gates: [{ against: 'champion', metric: 'ndcg', margin: 0 }],
        slices: ['department', 'device'],
      },
      { kind: 'replay-traffic', windowHours: 24, guardrails: [{ metric: 'ndcg', margin: 0.02 }] },
      {
        kind: 'ab',
        exposurePercent: 100,
        minimumDays: 1,
        maximumDays: 4,
        metric: 'ndcg',
        minimumDetectableEffect: 0.15,
        guardrails: [
          { metric: 'clickThroughShare', margin: 0.3 },
          { metric: 'latencyP99Ms', margin: 1 - 1e-9 },
        ],
        covariate: 'champion-prediction',
        randomAcceptShare: 0,
      },
      { kind: 'production' },
      { kind: 'bake', hours: 2 },
    ],
  },
};

/** The same model with a pilot before its A/B test, for versions that the offline gate would not let so far. */
const piloted: ModelSpec = {
  ...searchRanking,
  name: 'search-ranking-piloted',
  promotion: {
    unit: 'session',
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'pilot',
        ramp: [{ exposurePercent: 100, bakeMinutes: 600 }],
        guardrails: [{ metric: 'ndcg', margin: 0.05 }],
      },
      {
        kind: 'ab',
        exposurePercent: 100,
        minimumDays: 1,
        maximumDays: 3,
        metric: 'ndcg',
        minimumDetectableEffect: 0.15,
        guardrails: [],
        covariate: 'none',
        randomAcceptShare: 0,
      },
      { kind: 'production' },
    ],
  },
};

/** Days of an A/B test take minutes here. */
const IS_FULL = process.env['SLIPWAY_FULL'] === '1';
/** Requests at every look, by the step. */
const REQUESTS = [0, 0, 0, 25, 0, 5];
const HOUR_MS = 3_600_000;

let stack: RunningStack;
let traffic: WorldTraffic;

beforeAll(async () => {
  if (!IS_FULL) return;
  stack = await startStack([spec, piloted], { startsAt: MONDAY_MORNING });
  traffic = new WorldTraffic(stack, spec, searchRankingWorld);
  // Sorts by the sum of whatever numbers there are.
  await serveLinear(stack, spec, { weight: 0.001 });
  await validationSet(stack, spec, searchRankingWorld.dataset(3000, 2));
});
afterAll(() => stack?.dispose());

describe.runIf(IS_FULL)('of search rankings', { timeout: 1_200_000 }, () => {
  test('a better version reaches production, over replayed traffic and an A/B test', async () => {
    // Yesterday's traffic, matured by now, is what a replay runs.
    for (let hour = 0; hour < 12; hour++) {
      await traffic.flow(20);
      await traffic.recorded();
      stack.clock.advance(HOUR_MS);
    }
    stack.clock.advance(2 * HOUR_MS);
    await traffic.report();
    const { onnx } = await trainModel(spec, searchRankingWorld.dataset(4000, 1), {
      seed: 1,
      trainer: { ...searchRanking.retraining.trainer, trees: 40 } as never,
    });
    const { version } = await stack.client.register(spec.name, onnx, 'LambdaMART');
    const promotion = await startPromotion(stack, spec, version);
    let { place } = promotion;
    const isOver = (now: Promotion): boolean => {
      place = now.place;
      return now.state !== 'running';
    };
    const ended = await passTime(stack, promotion, isOver, async () => {
      await traffic.flow(REQUESTS[place.step] ?? 0);
      await traffic.recorded();
    });
    expect(ended).toMatchObject({
      state: 'promoted',
      idea: 'good',
      reason: 'nothing spoke against it',
    });
    expect(await statesOf(stack, promotion)).toEqual(
      expect.arrayContaining(['Replay traffic', 'A/B test: look', 'Bake: look', 'Keep']),
    );
    expect(traffic.failed).toEqual([]);
  });

  test('a worse version is rejected with the numbers before anybody meets it', async () => {
    const before = await stack.client.route(spec.name);
    const promotion = await startPromotion(stack, spec, await candidate(stack, spec, { bias: 1 }));
    const ended = await passTime(stack, promotion, ({ state }) => state !== 'running');
    expect(ended).toMatchObject({
      state: 'rejected',
      idea: 'bad',
      reason: expect.stringMatching(/ndcg goes from 0\.\d+ to 0\.\d+ .* worse/),
      place: { step: 1 },
    });
    expect(await stack.client.route(spec.name)).toEqual(before);
  });

  describe('once it is piloted', () => {
    const begin = async (graph: Parameters<typeof candidate>[2], requests: readonly number[]) => {
      const callers = new WorldTraffic(stack, piloted, searchRankingWorld);
      const promotion = await startPromotion(
        stack,
        piloted,
        await candidate(stack, piloted, graph),
      );
      let { place } = promotion;
      const isOver = (now: Promotion): boolean => {
        place = now.place;
        return now.state !== 'running';
      };
      const ended = await passTime(stack, promotion, isOver, async () => {
        await callers.flow(requests[place.step] ?? 0);
        await callers.recorded();
      });
      expect(callers.failed).toEqual([]);
      return ended;
    };
    beforeAll(() => serveLinear(stack, piloted, { weight: 0.001 }));

    test('a worse version is taken back by its guardrail', async () => {
      // The champion's order, upside down.
      const ended = await begin({ weight: -0.001 }, [0, 60]);
      expect(ended).toMatchObject({
        state: 'rolled-back',
        idea: 'bad',
        reason: 'the challenger is worse in ndcg',
        place: { step: 1 },
      });
      expect((await stack.client.route(piloted.name))?.challenger).toBeUndefined();
    });

    test('an equal version ends inconclusive, and the champion stays', async () => {
      const ended = await begin({ weight: 0.001, note: 'the same in other bytes' }, [0, 5, 20]);
      expect(ended).toMatchObject({
        state: 'inconclusive',
        idea: 'undecided',
        reason: 'no difference in ndcg was shown',
        place: { step: 2 },
      });
      expect(await stack.client.route(piloted.name)).toMatchObject({ champion: { version: '1' } });
      expect((await stack.client.route(piloted.name))?.challenger).toBeUndefined();
    });
  });
});
