import { describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { planFaults } from '../../functions/contracts/plan-faults.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { ACCEPTING_TEST, aDecliningModel } from '../builders/declining-model.ts';

const faultsOf = (steps: readonly PlanStep[], base: ModelSpec = deliveryTime): string[] =>
  planFaults({ ...base, promotion: { ...base.promotion, steps: [...steps] } }).map(
    ({ path, message }) => `${path.join('.')}: ${message}`,
  );

const pilot = {
  kind: 'pilot',
  ramp: [{ exposurePercent: 10, bakeMinutes: 60 }],
  guardrails: [],
} as const satisfies PlanStep;
const ab = {
  kind: 'ab',
  exposurePercent: 50,
  minimumDays: 7,
  maximumDays: 21,
  metric: 'mae',
  minimumDetectableEffect: 0.03,
  guardrails: [],
  covariate: 'none',
  randomAcceptShare: 0,
} as const satisfies PlanStep;
const guard = (metric: string) => [{ metric, margin: 0.1 }];

test.each([deliveryTime, searchRanking, cardFraud])('the plan of $name can be judged', (spec) => {
  expect(planFaults(spec)).toEqual([]);
});

describe('a plan is refused with its path', () => {
  test.each<[string, PlanStep, string]>([
    [
      'a guardrail that is best near a number',
      { ...pilot, guardrails: guard('bias') },
      'promotion.steps.0.guardrails.0.metric: "bias" is best near a number',
    ],
    [
      'a guardrail on what both arms share',
      { ...pilot, guardrails: guard('throttledShare') },
      'promotion.steps.0.guardrails.0.metric: "throttledShare" is of the function',
    ],
    [
      'a test of failures',
      { ...ab, metric: 'errorShare' },
      'promotion.steps.0.metric: "errorShare" is too rare for a mean',
    ],
    [
      'a test of what is no mean',
      { ...ab, metric: 'averagePrecision' },
      'promotion.steps.0.metric: "averagePrecision" is no mean over units',
    ],
    [
      'accepting at random where no decision hides what comes of it',
      { ...ab, randomAcceptShare: 0.05 },
      'promotion.steps.0.randomAcceptShare: nothing is hidden that accepting at random would show',
    ],
    [
      'a test that is over before a unit is mature',
      { ...ab, minimumDays: 1, maximumDays: 2 },
      'promotion.steps.0.maximumDays: the first units are mature after',
    ],
    [
      'a rung that is shorter than a look',
      { ...pilot, ramp: [{ exposurePercent: 1, bakeMinutes: 0.5 }] },
      'promotion.steps.0.ramp.0: is over before anybody has looked',
    ],
    [
      'a bake that is shorter than a look',
      { kind: 'bake', hours: 0.01 },
      'promotion.steps.0: is over before anybody has looked',
    ],
    [
      'an offline gate on the service',
      {
        kind: 'evaluate-offline',
        gates: [{ against: 'champion', metric: 'errorShare', margin: 0 }],
        slices: [],
      },
      'promotion.steps.0.gates.0.metric: "errorShare" is of the service',
    ],
    [
      'a replay that compares what is best near a number',
      { kind: 'replay-traffic', windowHours: 1, guardrails: guard('quantileCoverage') },
      'promotion.steps.0.guardrails.0.metric: "quantileCoverage" is best near a number',
    ],
  ])('%s', (_, step, fault) => {
    expect(faultsOf([step])).toEqual([expect.stringContaining(fault)]);
  });

  test('latency between arms without an objective to be above of', () => {
    const monitoring = { ...deliveryTime.monitoring, objectives: [] };
    expect(
      faultsOf([{ ...pilot, guardrails: guard('latencyP99Ms') }], { ...deliveryTime, monitoring }),
    ).toEqual([expect.stringContaining('the share of requests above its objective: add one')]);
  });

  test('a test of no more units than the pilot has used up', () => {
    expect(faultsOf([pilot, { ...ab, exposurePercent: 10 }])).toEqual([
      'promotion.steps.1.exposurePercent: units of the pilot are not judged again: expose more of them than the pilot did',
    ]);
  });

  test('but not failures as a guardrail, nor a number near which a metric is best', () => {
    expect(
      faultsOf([
        { ...pilot, guardrails: guard('fallbackShare') },
        {
          kind: 'evaluate-offline',
          gates: [
            { against: 'number', metric: 'bias', comparison: 'at-most', threshold: 1 },
            { against: 'champion', metric: 'mae', margin: 0 },
          ],
          slices: [],
        },
      ]),
    ).toEqual([]);
  });
});

describe('where who is declined never shows an outcome', () => {
  const declining = aDecliningModel();
  const faults = (step: PlanStep) => faultsOf([step], declining);

  test('a test that accepts a share at random can be judged, and one of the service without it', () => {
    expect(faults(ACCEPTING_TEST)).toEqual([]);
    const monitoring = {
      ...declining.monitoring,
      objectives: declining.monitoring.objectives.map((each) => ({
        ...each,
        metric: 'latencyP99Ms',
      })),
    };
    const latency = { ...ACCEPTING_TEST, metric: 'latencyP99Ms', guardrails: guard('errorShare') };
    expect(faultsOf([{ ...latency, randomAcceptShare: 0 }], { ...declining, monitoring })).toEqual(
      [],
    );
  });

  test('a test of outcomes without a share is refused, with every metric and what to do', () => {
    expect(faults({ ...ACCEPTING_TEST, randomAcceptShare: 0 })).toEqual([
      'promotion.steps.0.randomAcceptShare: "costPerThousand", "recall" would be judged by the rows each arm lets through, and whoever declines more shows fewer of its errors: accept a share at random, such as 0.02, or test in "shadow"',
    ]);
  });

  test('means of units are refused, which rows accepted at random do not give', () => {
    expect(faults({ ...ACCEPTING_TEST, covariate: 'champion-prediction' })).toEqual([
      expect.stringContaining('promotion.steps.0.covariate: adjusts means of units'),
    ]);
  });

  test.each<[string, PlanStep, string]>([
    ['a pilot', { ...pilot, guardrails: guard('precision') }, 'judged by the rows it lets through'],
    [
      'a replay',
      { kind: 'replay-traffic', windowHours: 1, guardrails: guard('averagePrecision') },
      'the rows that the champion declined have no outcome',
    ],
  ])('%s cannot be guarded by outcomes, but by the service', (_, step, why) => {
    expect(faults(step)).toEqual([expect.stringContaining(why)]);
    expect(faults({ ...pilot, guardrails: guard('fallbackShare') })).toEqual([]);
  });

  test('a share that no hash can draw exactly is refused', () => {
    const steps = [{ ...ACCEPTING_TEST, randomAcceptShare: 0.00015 }, { kind: 'production' }];
    expect(() => aDecliningModel('m', { promotion: { unit: 'u', steps } as never })).toThrow(
      'randomAcceptShare',
    );
  });
});
