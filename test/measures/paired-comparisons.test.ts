import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { pairedBootstrap } from '../../functions/measures/paired-bootstrap.ts';
import { compareAnswers, topOverlap } from '../../functions/measures/shadow-comparison.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

describe('the bootstrap interval of a paired difference', () => {
  const meanOf =
    (differences: readonly number[]) =>
    (weights: Int32Array): number =>
      differences.reduce((sum, each, at) => sum + each * (weights[at] ?? 0), 0) /
      differences.length;

  test('is close to the normal one for a mean', () => {
    const differences = Array.from({ length: 400 }, (_, at) => 1 + Math.sin(at * 12.9898) * 2);
    const mean = differences.reduce((sum, each) => sum + each, 0) / 400;
    const variance = differences.reduce((sum, each) => sum + (each - mean) ** 2, 0) / 399;
    const half = 1.96 * Math.sqrt(variance / 400);
    const interval = pairedBootstrap(400, meanOf(differences));
    expect(Math.abs((interval?.low ?? 0) - (mean - half))).toBeLessThan(half * 0.25);
    expect(Math.abs((interval?.high ?? 0) - (mean + half))).toBeLessThan(half * 0.25);
  });

  test('of versions that differ by the same everywhere is a point', () => {
    const interval = pairedBootstrap(50, meanOf(Array.from({ length: 50 }, () => 0.3)));
    expect(interval?.low).toBeCloseTo(0.3, 12);
    expect(interval?.high).toBeCloseTo(0.3, 12);
  });

  test('is the same whenever it is asked for', () => {
    const differences = [1, 5, 2, 8];
    expect(pairedBootstrap(4, meanOf(differences))).toEqual(
      pairedBootstrap(4, meanOf(differences)),
    );
  });

  test('is nothing where most resamples say nothing', () => {
    let asked = 0;
    expect(pairedBootstrap(5, () => (asked++ % 3 === 0 ? 1 : undefined))).toBeUndefined();
  });
});

describe('two answers to one request', () => {
  test('of numbers agree within the tolerance', () => {
    const { tolerance } = deliveryTime.task as { readonly tolerance: number };
    const own = [30 + tolerance, 30 + tolerance + 0.01, Number.NaN];
    expect(compareAnswers(deliveryTime.task, [30, 30, 30], own)).toMatchObject({
      rows: 3,
      agreed: 1,
      flipped: 0,
    });
  });

  test('of classes agree on one side of the threshold, and else are flipped', () => {
    const { threshold } = cardFraud.task as { readonly threshold: number };
    const own = [threshold, 0, threshold / 2];
    expect(compareAnswers(cardFraud.task, [1, 1, 0], own)).toMatchObject({ agreed: 2, flipped: 1 });
  });

  test('of rankings agree by their first items, in whatever order these are', () => {
    expect(topOverlap([3, 2, 1, 0], [2, 3, 0, 1], 2)).toBe(1);
    expect(topOverlap([3, 2, 1, 0], [0, 1, 2, 3], 2)).toBe(0);
    expect(topOverlap([3, 2, 1, 0], [3, 0, 1, 2], 2)).toBe(0.5);
    expect(compareAnswers(searchRanking.task, [2, 1], [1, 2])).toMatchObject({
      rows: 2,
      agreed: 2,
    });
  });

  test('that are the same agree in every row', () => {
    const scores = fc.array(fc.double({ noNaN: true, min: 0, max: 1 }), { minLength: 1 });
    fc.assert(
      fc.property(
        scores,
        fc.constantFrom(deliveryTime.task, cardFraud.task, searchRanking.task),
        (values, task) => {
          const { agreed, rows, flipped } = compareAnswers(task, values, values);
          expect(agreed).toBeCloseTo(rows, 9);
          expect(flipped).toBe(0);
        },
      ),
    );
  });
});
