import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { PlanStep } from '../../functions/contracts/promotion-pace.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { aModel } from './model-spec.ts';

/** Accepts one declined row in ten. */
export const ACCEPTING_TEST = {
  kind: 'ab',
  exposurePercent: 100,
  minimumDays: 1,
  maximumDays: 10,
  metric: 'costPerThousand',
  minimumDetectableEffect: 0.1,
  guardrails: [{ metric: 'recall', margin: 0.1 }],
  covariate: 'none',
  randomAcceptShare: 0.1,
} as const satisfies PlanStep;

/**
 * A small classifier whose positives are declined, so that nobody sees what would have come of them, and
 * whose silence means negative an hour later: FP32 input `x` of three columns, its `risk`.
 */
export const aDecliningModel = (name = 'm', overrides: Partial<ModelSpec> = {}): ModelSpec =>
  aModel(name, {
    task: {
      kind: 'classification',
      label: 'y',
      classes: ['good', 'bad'],
      score: 'risk',
      threshold: 0.5,
      positiveHidesOutcome: true,
      cost: { currency: 'EUR', falsePositive: 1, falseNegative: 5 },
    },
    signature: {
      inputs: [{ name: 'x', datatype: 'FP32', columns: ['a', 'b', 'c'] }],
      outputs: [{ name: 'o', datatype: 'FP32', columns: ['risk'] }],
    },
    monitoring: {
      ...deliveryTime.monitoring,
      objectives: [
        {
          metric: 'errorShare',
          comparison: 'at-most',
          threshold: 0.5,
          severity: 'low',
          minimumLabels: 1,
          periods: { missed: 1, of: 1 },
          silenceMinutes: 10_000,
        },
      ],
      outcomes: { maturityHours: 1, horizonHours: 100, silenceMeans: 'negative' },
    },
    promotion: {
      unit: 'customer',
      steps: [
        { ...ACCEPTING_TEST, guardrails: [...ACCEPTING_TEST.guardrails] },
        { kind: 'production' },
      ],
    },
    ...overrides,
  });
