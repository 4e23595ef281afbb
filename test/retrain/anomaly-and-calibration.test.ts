import { describe, expect, it } from 'vitest';
import { calibrationRatio } from '../../functions/measures/calibration-metrics.ts';
import { rocAuc } from '../../functions/measures/classification-metrics.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { calibrate, fitCalibration } from '../../functions/retrain/calibration.ts';
import {
  anomalies,
  expectedPathLength,
  growIsolationForest,
} from '../../functions/retrain/isolation-forest.ts';
import { sigmoid } from '../../functions/retrain/objective.ts';

describe('isolation forest', () => {
  const rows = 500;
  const random = seededRandom(1, 'points');
  /** Two numbers and a category; the last five rows lie outside. */
  const values = Float32Array.from({ length: rows * 3 }, (_, at) => {
    const row = at % rows;
    const isOutside = row >= rows - 5;
    if (at >= 2 * rows) return isOutside ? 2 : 1;
    return isOutside ? 6 + random.next() : random.normal();
  });
  values[3] = Number.NaN;
  const table = {
    rows,
    values,
    columns: [
      { name: 'x', kind: 'number' as const, categories: [] },
      { name: 'y', kind: 'number' as const, categories: [] },
      { name: 'c', kind: 'category' as const, categories: ['usual', 'odd'] },
    ],
  };

  it('rows that lie outside are the most anomalous', () => {
    const scores = anomalies(growIsolationForest(table, 100, 7), table);
    const labels = Array.from({ length: rows }, (_, row) => Number(row >= rows - 5));
    expect(rocAuc({ labels, scores })).toBeGreaterThan(0.999);
    expect(scores.every((score) => score > 0 && score < 1)).toBe(true);
    expect(scores.reduce((sum, score) => sum + score, 0) / rows).toBeLessThan(0.55);
  });

  it('a missing number alone is not odd', () => {
    const scores = anomalies(growIsolationForest(table, 100, 7), table);
    expect(scores[3]).toBeLessThan(0.55);
  });

  it('path lengths are as in the paper', () => {
    expect([0, 1, 2].map(expectedPathLength)).toEqual([0, 0, 1]);
    expect(expectedPathLength(256)).toBeCloseTo(10.2447, 3);
  });

  it('rows that are all alike are neither odd nor usual', () => {
    const alike = { ...table, values: new Float32Array(rows * 3).fill(1) };
    expect(new Set(anomalies(growIsolationForest(alike, 5, 1), alike)).size).toBe(1);
  });
});

describe('calibration', () => {
  const random = seededRandom(2, 'scores');
  const scores = Float64Array.from({ length: 4000 }, () => 2 * random.normal());
  const labels = scores.map((score) => Number(random.next() < sigmoid(0.7 * score - 2)));
  const weights = new Float64Array(4000).fill(1);

  it('finds the slope and intercept that the labels came from', () => {
    const { slopes, intercept } = fitCalibration([scores], labels, weights);
    expect(slopes[0]).toBeCloseTo(0.7, 1);
    expect(intercept).toBeCloseTo(-2, 0);
    const probabilities = calibrate({ slopes, intercept }, [scores]);
    expect(calibrationRatio({ labels, scores: probabilities })).toBeCloseTo(1, 2);
  });

  it('never turns an order round, and drops evidence that speaks against', () => {
    const against = fitCalibration([scores.map((score) => -score)], labels, weights);
    expect(against.slopes[0]).toBeGreaterThan(0);
    const misleading = labels.map((label) => 1 - label);
    expect(fitCalibration([scores, misleading], labels, weights).slopes[1]).toBe(0);
  });

  it('stays finite where scores part the classes', () => {
    const parted = Float64Array.from({ length: 40 }, (_, row) => (row < 20 ? -1 : 1));
    const { slopes, intercept } = fitCalibration(
      [parted],
      parted.map((score) => Number(score > 0)),
      new Float64Array(40).fill(1),
    );
    expect(slopes[0]).toBeLessThan(10);
    expect(Math.abs(intercept)).toBeLessThan(1);
  });
});
