import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { cardFraudWorld } from '../../infra/local/demo/worlds/card-fraud.ts';
import { candidate, passTime, startPromotion, statesOf } from '../builders/promoted.ts';
import {
  MONDAY_MORNING,
  type RunningStack,
  serveLinear,
  startStack,
  until,
} from '../builders/running-stack.ts';
import { validationSet } from '../builders/validation-set.ts';
import { WorldTraffic } from '../builders/world-traffic.ts';

type Step = ModelSpec['promotion']['steps'][number];

/** The team's own step with less patience, and with budgets of time that are this machine's. */
function hurried(step: Step): Step {
  if (step.kind === 'shadow') return { ...step, hours: 4, minimumRequests: 100, agreement: 0.9 };
  if (step.kind === 'bake') return { ...step, hours: 6 };
  if (step.kind !== 'test-performance') return step;
  const times = { p50Ms: 500, p99Ms: 5000, coldStartMs: 60_000 };
  return { ...step, ...times, memoryMb: 2000, requestsPerSecond: 1 };
}

const spec: ModelSpec = {
  ...cardFraud,
  promotion: { ...cardFraud.promotion, steps: cardFraud.promotion.steps.map(hurried) },
};

/** Only those who meet a version can tell; outcomes of fraud take two weeks to mature. */
const withCallers = (name: string, step: Step): ModelSpec => ({
  ...cardFraud,
  name,
  promotion: {
    ...cardFraud.promotion,
    steps: [{ kind: 'smoke-test' }, step, { kind: 'production' }],
  },
});
const piloted = withCallers('card-fraud-piloted', {
  kind: 'pilot',
  ramp: [{ exposurePercent: 100, bakeMinutes: 16 * 1440 }],
  guardrails: [{ metric: 'brier', margin: 0.05 }],
});
const tested = withCallers('card-fraud-tested', {
  kind: 'ab',
  exposurePercent: 100,
  minimumDays: 16,
  maximumDays: 17,
  metric: 'costPerThousand',
  minimumDetectableEffect: 0.5,
  guardrails: [{ metric: 'brier', margin: 0.1 }],
  covariate: 'none',
  randomAcceptShare: 0,
});

/** Two weeks until outcomes have matured take minutes here. */
const IS_FULL = process.env['SLIPWAY_FULL'] === '1';
/** Requests at every look, by the step. */
const REQUESTS = [0, 0, 0, 0, 8, 0, 0, 2];
const HOUR_MS = 3_600_000;
const TRAFFIC_HOURS = 12;
const REQUESTS_AN_HOUR = 60;
/** So that each arm has its hundred units. */
const BUSY_HOURS = 12;
const CALLS_AN_HOUR = 30;

let stack: RunningStack;
let traffic: WorldTraffic;

const trained = (seed: number, trees: number) =>
  trainModel(spec, cardFraudWorld.dataset(6000, seed), {
    seed,
    trainer: { ...cardFraud.retraining.trainer, trees, anomalyTrees: 20 } as never,
  });

beforeAll(async () => {
  if (!IS_FULL) return;
  stack = await startStack([spec], { startsAt: MONDAY_MORNING });
  traffic = new WorldTraffic(stack, spec, cardFraudWorld);
  const first = await stack.client.register(spec.name, (await trained(1, 10)).onnx, 'few trees');
  await stack.client.setChampion(spec.name, first.version, 0, 'the first');
  await validationSet(stack, spec, cardFraudWorld.dataset(4000, 3));
});
afterAll(() => stack?.dispose());

/**
 * Lets time pass until all that was asked has matured, and then quarter by quarter of an hour, at which hours are
 * closed a day's worth at a time, until each prediction was given the meaning of its silence.
 */
async function mature(): Promise<void> {
  const { maturityHours } = spec.monitoring.outcomes;
  stack.clock.advance((maturityHours - TRAFFIC_HOURS - 1) * HOUR_MS);
  await traffic.report();
  stack.clock.advance((TRAFFIC_HOURS + 2) * HOUR_MS);
  await traffic.report();
  const labels = () => stack.metrics.statistics('Slipway', 'Labels', { Model: spec.name }).sum;
  await until(async () => {
    stack.clock.advance(HOUR_MS / 4);
    await stack.lambda.settled();
    return labels() === traffic.predictionIds.length;
  }, 120_000);
}

describe.runIf(IS_FULL)('of card fraud', { timeout: 1_200_000 }, () => {
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
    expect(ended).toMatchObject({
      state: 'promoted',
      idea: 'good',
      reason: 'nothing spoke against it',
    });
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
    expect(ended).toMatchObject({
      state: 'rejected',
      idea: 'bad',
      reason: expect.stringMatching(/averagePrecision goes from 0\.\d+ to 0\.\d+ .* worse/),
      place: { step: 1 },
    });
    expect(await stack.client.route(spec.name)).toEqual(before);
  });
});

describe.runIf(IS_FULL)('of card fraud that callers meet', { timeout: 1_200_000 }, () => {
  let met: RunningStack;
  beforeAll(async () => {
    met = await startStack([piloted, tested], { startsAt: MONDAY_MORNING });
  });
  afterAll(() => met.dispose());

  test('the worse is taken back in its pilot by its guardrail, the equal ends inconclusive', async () => {
    const begin = async (model: ModelSpec, graph: Parameters<typeof candidate>[2]) => {
      await serveLinear(met, model, { bias: 0.01 });
      const callers = new WorldTraffic(met, model, cardFraudWorld);
      const version = await candidate(met, model, graph);
      return { callers, promotion: await startPromotion(met, model, version) };
    };
    // Cries wolf at every card.
    const worse = await begin(piloted, { bias: 0.6 });
    const equal = await begin(tested, { bias: 0.01, note: 'the same in other bytes' });
    let hours = 0;
    const anHour = async () => {
      hours += 1;
      for (const { callers } of [worse, equal]) {
        await callers.flow(hours <= BUSY_HOURS ? CALLS_AN_HOUR : 0);
        await callers.recorded();
      }
      await met.lambda.settled();
    };
    const isOver = ({ state }: Promotion): boolean => state !== 'running';
    const took = await passTime(met, worse.promotion, isOver, anHour, [equal.promotion]);
    expect(took).toMatchObject({
      state: 'rolled-back',
      idea: 'bad',
      reason: 'the challenger is worse in brier',
      place: { step: 1 },
    });
    const ended = await passTime(met, equal.promotion, isOver, anHour);
    expect(ended).toMatchObject({
      state: 'inconclusive',
      idea: 'undecided',
      reason: 'no difference in costPerThousand was shown',
      place: { step: 1 },
    });
    for (const { promotion, callers } of [worse, equal]) {
      const route = await met.client.route(promotion.model);
      expect(route?.champion.version).toBe('1');
      expect(route?.challenger).toBeUndefined();
      expect(callers.failed).toEqual([]);
    }
  });
});
