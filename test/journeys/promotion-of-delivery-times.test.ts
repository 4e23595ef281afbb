import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import type { LookEvidence } from '../../functions/promote/look.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { deliveryTimeWorld } from '../../infra/local/demo/worlds/delivery-time.ts';
import {
  candidate,
  passTime,
  showPromotion,
  startPromotion,
  statesOf,
} from '../builders/promoted.ts';
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
  ...deliveryTime,
  // A champion that answers one number misses the team's objective, and alarms would be ahead of guardrails.
  monitoring: {
    ...deliveryTime.monitoring,
    objectives: deliveryTime.monitoring.objectives.map((objective) =>
      objective.metric === 'mae' ? { ...objective, threshold: 30 } : objective,
    ),
  },
  promotion: {
    unit: 'customer',
    steps: [
      { kind: 'smoke-test' },
      {
        kind: 'evaluate-offline',
        gates: [{ against: 'champion', metric: 'mae', margin: 0.5 }],
        slices: ['zone', 'vehicle'],
      },
      { kind: 'shadow', hours: 2, minimumRequests: 60, agreement: 0.1 },
      {
        kind: 'pilot',
        ramp: [{ exposurePercent: 100, bakeMinutes: 600 }],
        guardrails: [{ metric: 'mae', margin: 0.05 }],
      },
      {
        kind: 'ab',
        exposurePercent: 100,
        minimumDays: 1,
        maximumDays: 5,
        metric: 'mae',
        minimumDetectableEffect: 0.15,
        guardrails: [
          { metric: 'withinToleranceShare', margin: 0.1 },
          { metric: 'errorShare', margin: 0 },
        ],
        covariate: 'champion-prediction',
        randomAcceptShare: 0,
      },
      { kind: 'production' },
      { kind: 'bake', hours: 2 },
    ],
  },
};

/** Days of an A/B test take minutes here. */
const IS_FULL = process.env['SLIPWAY_FULL'] === '1';

let stack: RunningStack;
let traffic: WorldTraffic;
let trained: Uint8Array;

beforeAll(async () => {
  if (!IS_FULL) return;
  stack = await startStack([spec], { startsAt: MONDAY_MORNING });
  traffic = new WorldTraffic(stack, spec, deliveryTimeWorld);
  const rows = deliveryTimeWorld.dataset(3000, 1);
  const model = await trainModel(spec, rows, {
    seed: 1,
    trainer: {
      kind: 'gbdt',
      trees: 40,
      leaves: 8,
      learningRate: 0.2,
      minimumChildRows: 20,
      anomalyTrees: 0,
    },
  });
  trained = model.onnx;
  // A champion that answers 20 minutes, whatever is asked: near the median of this world.
  await serveLinear(stack, spec, { bias: 20 });
  await validationSet(stack, spec, deliveryTimeWorld.dataset(1500, 2));
});
afterAll(() => stack?.dispose());

/** Requests at every look, by the step: enough for what is judged there. */
const REQUESTS = [0, 0, 5, 120, 40, 0, 5];

const through = (promotion: Promotion, isThere: (now: Promotion) => boolean) => {
  let { place } = promotion;
  const isThereNow = (now: Promotion) => {
    place = now.place;
    return isThere(now);
  };
  return passTime(stack, promotion, isThereNow, async () => {
    await traffic.flow(REQUESTS[place.step] ?? 0);
    await traffic.recorded();
  });
};
const isOver = ({ state }: Promotion): boolean => state !== 'running';

describe.runIf(IS_FULL)('of delivery times', { timeout: 1_200_000 }, () => {
  test('a worse version is taken back in the pilot by its guardrail', async () => {
    const version = await candidate(stack, spec, { bias: 24.9 });
    const promotion = await startPromotion(stack, spec, version);
    const ended = await through(promotion, isOver);
    expect(ended).toMatchObject({
      state: 'rolled-back',
      idea: 'bad',
      reason: 'the challenger is worse in mae',
      place: { step: 3, rung: 0 },
    });
    expect((await stack.client.route(spec.name))?.challenger).toBeUndefined();
    expect(traffic.failed).toEqual([]);
  });

  test('an equal version ends inconclusive, the champion stays, and an operator may override', async () => {
    const { champion } = (await stack.client.route(spec.name)) ?? {};
    const version = await candidate(stack, spec, { bias: 20, note: 'the same in other bytes' });
    const promotion = await startPromotion(stack, spec, version);
    const ended = await through(promotion, isOver);
    expect(ended).toMatchObject({
      state: 'inconclusive',
      idea: 'undecided',
      reason: 'no difference in mae was shown',
      place: { step: 4 },
    });
    const route = await stack.client.route(spec.name);
    expect(route?.champion).toEqual(champion);
    expect(route?.challenger).toBeUndefined();
    expect(traffic.failed).toEqual([]);
    const path = `/v1/promotions/${spec.name}/${promotion.id}`;
    const { looks } = await stack.client.request<{
      looks: { again: object; evidence: LookEvidence }[];
    }>('GET', `${path}/looks`);
    expect(looks.length).toBeGreaterThan(100);
    expect(looks.filter(({ again }) => !('agrees' in again && again.agrees))).toEqual([]);
    const errors = looks.flatMap(({ evidence }) =>
      evidence.metrics.filter(({ metric, kind }) => metric === 'mae' && kind === 'mean'),
    );
    // With one arm's covariates alone this were a half.
    expect(errors.at(-1)?.covariateShare).toBeGreaterThan(0.9);
    const overridden = await stack.client.request('POST', `${path}/override`, {
      reason: 'cheaper to run',
    });
    expect(overridden).toMatchObject({ champion: { version } });
    expect((await showPromotion(stack, promotion)).overridden).toMatchObject({
      reason: 'cheaper to run',
    });
  });

  test('a better version reaches production by evidence', async () => {
    const { version } = await stack.client.register(spec.name, trained, 'boosted trees');
    const promotion = await startPromotion(stack, spec, version);
    const ended = await through(promotion, isOver);
    expect(ended).toMatchObject({
      state: 'promoted',
      idea: 'good',
      reason: 'nothing spoke against it',
    });
    expect(await statesOf(stack, promotion)).toContain('A/B test: look');
    expect((await showPromotion(stack, promotion)).plannedUnits).toBeGreaterThan(100);
    expect(traffic.failed).toEqual([]);
  });
});
