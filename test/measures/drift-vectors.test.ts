import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { mergeSums } from '../../functions/measures/additive-sums.ts';
import { chiSquaredQuantile, chiSquaredTail } from '../../functions/measures/chi-squared.ts';
import {
  binCounts,
  chiSquaredTest,
  hellinger,
  jensenShannon,
  jensenShannonDistance,
  largestShift,
  nullStability,
  plainShares,
  populationStability,
  quantileEdges,
  relativeEntropy,
  smoothedShares,
  stabilityLimit,
  totalVariation,
} from '../../functions/measures/drift.ts';
import { regressionMetrics, regressionSums } from '../../functions/measures/regression-metrics.ts';
import {
  gapProbability,
  kolmogorovSmirnov,
  populationDeviation,
  wassersteinDistance,
  wilsonInterval,
} from '../../functions/measures/sample-comparison.ts';

const round = (value: number) => Math.round(value * 1e6) / 1e6;
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('binned drift', () => {
  it('D1: every distance of two sets of shares', () => {
    const reference = new Array<number>(10).fill(0.1);
    const current = [0.05, 0.05, 0.08, 0.1, 0.12, 0.12, 0.13, 0.13, 0.12, 0.1];
    const distances = [
      populationStability,
      relativeEntropy,
      jensenShannonDistance,
      jensenShannon,
      largestShift,
      hellinger,
      totalVariation,
    ];
    expect(distances.map((distance) => round(distance(reference, current)))).toEqual([
      0.100459, 0.053774, 0.13364, 0.01786, 0.05, 0.111657, 0.12,
    ]);
    expect(round(jensenShannonDistance(reference, current) * Math.sqrt(Math.LN2))).toBe(0.111262);
  });

  it('D2: an empty bin is smoothed by half a count', () => {
    const [reference, current] = [
      [100, 200, 300, 400],
      [50, 0, 150, 300],
    ];
    const smoothed = populationStability(smoothedShares(reference), smoothedShares(current));
    expect(round(smoothed)).toBe(1.136145);
    const plain = [plainShares(reference), plainShares(current)] as const;
    expect(round(jensenShannonDistance(...plain))).toBe(0.338415);
    const floored = plain[1].map((share) => Math.max(share, 1e-4));
    expect(round(populationStability(plain[0], floored))).toBe(1.600513);
    const merged = populationStability(plainShares([300, 300, 400]), plainShares([50, 150, 300]));
    expect(round(merged)).toBe(0.300815);
  });

  it('D3: quartiles of a reference', () => {
    const [reference, current] = [range(1, 20), range(6, 25)];
    const edges = quantileEdges(reference, 4);
    expect(edges).toEqual([5.75, 10.5, 15.25]);
    const counts = [binCounts(edges, reference), binCounts(edges, current)];
    expect(counts).toEqual([
      [5, 5, 5, 5, 0],
      [0, 5, 5, 10, 0],
    ]);
    const [a = [], b = []] = counts.map((each) => smoothedShares(each.slice(0, 4)));
    expect(round(populationStability(a, b))).toBe(0.691937);
    expect(round(kolmogorovSmirnov(reference, current))).toBe(0.25);
    expect(round(gapProbability(0.25, 20, 20))).toBe(0.571336);
    expect(wassersteinDistance(reference, current)).toBeCloseTo(5, 9);
    expect(round(5 / populationDeviation(reference))).toBe(0.86711);
  });

  it('D5: a category nobody had seen', () => {
    const [reference, current] = [
      [50, 30, 20, 0],
      [40, 25, 0, 35],
    ];
    const shares = [plainShares(reference), plainShares(current)] as const;
    expect(round(populationStability(smoothedShares(reference), smoothedShares(current)))).toBe(
      2.221247,
    );
    expect(round(jensenShannonDistance(...shares))).toBe(0.529771);
    expect(round(largestShift(...shares))).toBe(0.35);
    const { statistic, degrees, probability } = chiSquaredTest(reference, current);
    expect([round(statistic), degrees]).toEqual([56.565657, 3]);
    expect(probability / 3.18144e-12).toBeCloseTo(1, 4);
  });

  it.each([
    [50, 0.338549, 0.557822],
    [100, 0.169359, 0.27905],
    [200, 0.084764, 0.139665],
    [500, 0.034007, 0.056033],
    [1_000, 0.017088, 0.028156],
    [5_000, 0.003553, 0.005854],
    [20_000, 0.001015, 0.001673],
  ])('D6: PSI without drift, %i rows', (current, usual, extreme) => {
    const rows = { reference: 100_000, current };
    expect(round(nullStability(rows, 10, 0.95))).toBe(usual);
    expect(round(nullStability(rows, 10, 0.999))).toBe(extreme);
    expect(stabilityLimit(rows, 10)).toBeCloseTo(Math.max(0.1, extreme), 6);
  });

  it('D7: small shifts of PSI and of Jensen-Shannon go together', () => {
    const distanceOf = (psi: number) => Math.sqrt(psi / (8 * Math.LN2));
    expect([0.05, 0.1, 0.2, 0.25].map((psi) => round(distanceOf(psi)))).toEqual([
      0.094957, 0.13429, 0.189914, 0.21233,
    ]);
    // The distance of 0.1 that other tools alarm at, as PSI.
    expect(round(0.1 ** 2 * 8 * Math.LN2)).toBe(0.055452);
    const [a, b] = [plainShares([500, 500]), plainShares([520, 480])];
    const fromPsi = distanceOf(populationStability(a, b));
    expect(jensenShannonDistance(a, b) / fromPsi).toBeCloseTo(1, 3);
  });
});

it('D4: samples of different length', () => {
  const [one, other] = [
    [0.1, 0.4, 0.5, 0.7, 0.9],
    [0.3, 0.6, 0.8, 1, 1.2, 1.4],
  ];
  expect(round(kolmogorovSmirnov(one, other))).toBe(0.5);
  expect(round(gapProbability(0.5, 5, 6))).toBe(0.357143);
});

it.each([
  [2, 3, 0.20766, 0.938508],
  [8, 10, 0.490162, 0.943318],
  [80, 100, 0.711171, 0.866633],
  [0, 20, 0, 0.161125],
])('C5: Wilson interval of %i in %i', (hits, total, low, high) => {
  const interval = wilsonInterval(hits, total);
  expect([round(interval.low), round(interval.high)]).toEqual([low, high]);
});

it('chi-squared quantiles invert its tail', () => {
  expect(round(chiSquaredQuantile(0.95, 1))).toBe(3.841459);
  expect(round(chiSquaredQuantile(0.999, 9))).toBe(27.877165);
  fc.assert(
    fc.property(
      fc.double({ min: 0.001, max: 0.999, noNaN: true }),
      fc.integer({ min: 1, max: 60 }),
      (p, degrees) => {
        expect(chiSquaredTail(chiSquaredQuantile(p, degrees), degrees)).toBeCloseTo(1 - p, 7);
      },
    ),
    { numRuns: 50 },
  );
});

it('sums of two windows are the sums of both together', () => {
  const window = fc.array(
    fc.record({ y: fc.integer({ min: -50, max: 50 }), p: fc.integer({ min: -50, max: 50 }) }),
  );
  const sumsOf = (rows: readonly { y: number; p: number }[]) =>
    regressionSums(
      rows.map(({ y }) => y),
      rows.map(({ p }) => p),
      3,
    );
  fc.assert(
    fc.property(window, window, (one, other) => {
      expect(mergeSums(sumsOf(one), sumsOf(other))).toEqual(sumsOf([...one, ...other]));
      expect(regressionMetrics(sumsOf([])).mae).toBeUndefined();
    }),
  );
});
