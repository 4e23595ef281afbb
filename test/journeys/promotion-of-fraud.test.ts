import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { cardFraudWorld } from '../../infra/local/demo/worlds/card-fraud.ts';
import { candidate, passTime, startPromotion, statesOf } from '../builders/promoted.ts';
import { untilShown } from '../builders/recorded.ts';
import { type RunningStack, startStack, until } from '../builders/running-stack.ts';
import { validationSet } from '../builders/validation-set.ts';
import { WorldTraffic } from '../builders/world-traffic.ts';

/** The team's own way; budgets of time are those of this machine. */
const spec: ModelSpec = {
  ...cardFraud,
  promotion: {
    ...cardFraud.promotion,
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'evaluate-offline',
        gates: [
          { against: 'champion', metric: 'averagePrecision', margin: 0 },
          { against: 'champion', metric: 'costPerThousand', margin: 0 },
        ],
        slices: ['merchantCategory', 'isCardPresent'],
      },
      {
        kind: 'test-performance',
        batchSizes: [1, 10],
        p50Ms: 500,
        p99Ms: 5000,
        coldStartMs: 60_000,
        memoryMb: 2000,
        requestsPerSecond: 1,
      },
      {
        kind: 'replay-traffic',
        windowHours: 336,
        guardrails: [{ metric: 'averagePrecision', margin: 0.02 }],
      },
      { kind: 'shadow', hours: 4, minimumRequests: 100, agreement: 0.9 },
      { kind: 'approve', expiresAfterHours: 72 },
      { kind: 'production' },
      { kind: 'bake', hours: 6 },
    ],
  },
};

/** Two weeks until outcomes have matured take minutes here. */
const IS_FULL = process.env['SLIPWAY_FULL'] === '1';
/** Requests at every look, by the step. */
const REQUESTS = [0, 0, 0, 0, 8, 0, 0, 2];
const HOUR_MS = 3_600_000;
const TRAFFIC_HOURS = 12;
const REQUESTS_AN_HOUR = 60;

let stack: RunningStack;
let traffic: WorldTraffic;

const trained = (seed: number, trees: number) =>
  trainModel(spec, cardFraudWorld.dataset(6000, seed), {
    seed,
    trainer: { ...cardFraud.retraining.trainer, trees, anomalyTrees: 20 } as never,
  });

beforeAll(async () => {
  if (!IS_FULL) return;
  stack = await startStack([spec]);
  traffic = new WorldTraffic(stack, spec, cardFraudWorld);
  const first = await stack.client.register(spec.name, (await trained(1, 10)).onnx, 'few trees');
  await stack.client.setChampion(spec.name, first.version, 0, 'the first');
  await validationSet(stack, spec, cardFraudWorld.dataset(4000, 3));
});
afterAll(() => stack?.dispose());

/**
 * Lets time pass until all that was asked has matured, and waits for recording, to which silence is given its
 * meaning then: the hours would be closed without it two hours later.
 */
async function mature(): Promise<void> {
  const { maturityHours } = spec.monitoring.outcomes;
  stack.clock.advance((maturityHours - TRAFFIC_HOURS - 1) * HOUR_MS);
  await traffic.report();
  stack.clock.advance((TRAFFIC_HOURS + 2) * HOUR_MS);
  await traffic.report();
  for (const id of traffic.predictionIds)
    await untilShown(stack, id, ({ scores }) => scores.length === 1);
  const labels = () => stack.metrics.statistics('Slipway', 'Labels', { Model: spec.name }).sum;
  stack.clock.advance(HOUR_MS / 4);
  await until(() => labels() === traffic.predictionIds.length, 60_000);
}

describe.runIf(IS_FULL)('of card fraud', () => {
  test('a better version reaches production, once somebody has approved', async () => {
    for (let hour = 0; hour < TRAFFIC_HOURS; hour++) {
      await traffic.flow(REQUESTS_AN_HOUR);
      await traffic.recorded();
      stack.clock.advance(HOUR_MS);
    }
    await mature();
    const { version } = await stack.client.register(spec.name, (await trained(2, 60)).onnx, 'more');
    const promotion = await startPromotion(stack, spec, version);
    let { place } = promotion;
    let isAsked = false;
    const isOver = (now: Promotion): boolean => {
      place = now.place;
      isAsked = now.approval !== undefined && now.approval.decision === undefined;
      return now.state !== 'running';
    };
    const ended = await passTime(stack, promotion, isOver, async () => {
      await traffic.flow(REQUESTS[place.step] ?? 0);
      await traffic.recorded();
      if (isAsked)
        await stack.client.request('POST', `/v1/promotions/${spec.name}/${promotion.id}/decide`, {
          approve: true,
          reason: 'replayed and shadowed well',
        });
    });
    expect(ended).toMatchObject({ state: 'promoted', idea: 'good' });
    expect(await statesOf(stack, promotion)).toEqual(
      expect.arrayContaining(['Replay traffic', 'Shadow: look', 'Approve', 'Bake: look', 'Keep']),
    );
    expect(traffic.failed).toEqual([]);
  });

  test('a worse version is rejected with the numbers before anybody meets it', async () => {
    const before = await stack.client.route(spec.name);
    const promotion = await startPromotion(
      stack,
      spec,
      await candidate(stack, spec, { bias: 0.1 }),
    );
    const ended = await passTime(stack, promotion, ({ state }) => state !== 'running');
    expect(ended).toMatchObject({ state: 'rejected', idea: 'bad', place: { step: 1 } });
    expect(ended.reason).toMatch(/averagePrecision goes from 0\.\d+ to 0\.\d+ .* worse/);
    expect(await stack.client.route(spec.name)).toEqual(before);
  });
});
