import { expect, it } from 'vitest';
import { normalisedGain } from '../../functions/measures/ranking-metrics.ts';
import { lambdaMart } from '../../functions/retrain/lambda-mart.ts';

const rules = { gain: 'exponential', cutoff: 2, truncation: 4 } as const;
const targets = {
  labels: Float64Array.of(0, 3, 1, 0, 0, 2),
  weights: new Float64Array(6).fill(1),
  queryStarts: Int32Array.of(0, 4, 6),
};

it('its loss is 1 - NDCG at the cutoff, averaged over queries', () => {
  const scores = Float64Array.of(0.9, 0.5, 0.7, 0.1, 0.2, 0.8);
  const first = normalisedGain([0, 1, 3, 0], 2, 'exponential') ?? 0;
  expect(lambdaMart(targets, rules).loss(scores)).toBeCloseTo(1 - (first + 1) / 2, 12);
});

it('pushes better items up and worse ones down, as much in all', () => {
  const [gradient, hessian] = [new Float64Array(6), new Float64Array(6)];
  const scores = Float64Array.of(0.9, 0.5, 0.7, 0.1, 0.2, 0.8);
  lambdaMart(targets, rules).differentiate(scores, gradient, hessian);
  expect(gradient[1]).toBeLessThan(0);
  expect(gradient[0]).toBeGreaterThan(0);
  expect(gradient.reduce((sum, each) => sum + each, 0)).toBeCloseTo(0, 12);
  expect(hessian.every((each) => each >= 0)).toBe(true);
});

it('agrees with LightGBM 4 on one pair', () => {
  const pair = {
    labels: Float64Array.of(1, 0),
    weights: Float64Array.of(1, 1),
    queryStarts: Int32Array.of(0, 2),
  };
  const [gradient, hessian] = [new Float64Array(2), new Float64Array(2)];
  lambdaMart(pair, rules).differentiate(Float64Array.of(0, 1), gradient, hessian);
  // By hand from LightGBM's formulas: exchange (1 - 1/log2 3) / 1.01, sigmoid(1), then the norm.
  const wrong = 1 / (1 + Math.exp(-1));
  const cost = (1 - 1 / Math.log2(3)) / 1.01;
  const norm = Math.log2(1 + 2 * wrong * cost) / (2 * wrong * cost);
  expect(gradient[0]).toBeCloseTo(-wrong * cost * norm, 12);
  expect(hessian[0]).toBeCloseTo(wrong * (1 - wrong) * cost * norm, 12);
});

it('a query of equal relevances, or of one item, pushes nobody', () => {
  const flat = {
    labels: Float64Array.of(1, 1, 1, 2),
    weights: new Float64Array(4).fill(1),
    queryStarts: Int32Array.of(0, 3, 4),
  };
  const gradient = new Float64Array(4);
  lambdaMart(flat, rules).differentiate(new Float64Array(4), gradient, new Float64Array(4));
  expect([...gradient].map(Math.abs)).toEqual([0, 0, 0, 0]);
});
