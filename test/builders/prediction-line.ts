import type { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import { aRoute } from './route.ts';

/** The line of an answered request of `aModel`. */
export const aLine = (overrides: Partial<PredictionLine> = {}): PredictionLine => ({
  kind: 'prediction',
  predictionId: 'p1',
  at: aRoute().changedAt,
  model: 'm',
  version: '1',
  digest: 'd',
  arm: 'champion',
  isEnrolled: false,
  caller: 'key',
  routeEpoch: 1,
  rows: 1,
  latencyMs: 1,
  asked: { api: 'predict', instances: [{ a: 1 }] },
  withheld: [],
  outputs: [{ name: 'o', datatype: 'FP32', shape: [1, 1], data: [10] }],
  isShadowed: false,
  ...overrides,
});
