import { describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { planFaults } from '../../functions/contracts/plan-faults.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

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
      'a random share of accepted units, which nothing serves',
      { ...ab, randomAcceptShare: 0.05 },
      'promotion.steps.0.randomAcceptShare: accepting a share of units at random is not built',
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
