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
  quantilesOfSorted,
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
import { seededRandom } from '../../functions/measures/seeded-random.ts';

const round = (value: number) => Math.round(value * 1e6) / 1e6;
const range = (from: number, to: number) =>
  Array.from({ length: to - from + 1 }, (_, at) => from + at);

/** PSI between two samples of one even distribution, ascending. */
function simulatedStability(
  rows: { readonly reference: number; readonly current: number },
  bins: number,
  trials: number,
): Float64Array {
  const random = seededRandom(1, `stability of ${rows.current}`);
  const sample = (size: number): number[] => {
    const counts = new Array<number>(bins).fill(0);
    if (size <= 1_000) {
      for (let row = 0; row < size; row++) {
        const bin = random.integer(bins);
        counts[bin] = (counts[bin] ?? 0) + 1;
      }
      return counts;
    }
    // Bins of hundreds of rows vary like normal numbers that add up to nothing.
    const noise = counts.map(() => random.normal());
    const middle = noise.reduce((sum, each) => sum + each, 0) / bins;
    return noise.map((each) => size / bins + Math.sqrt(size / bins) * (each - middle));
  };
  return Float64Array.from({ length: trials }, () =>
    populationStability(
      smoothedShares(sample(rows.reference)),
      smoothedShares(sample(rows.current)),
    ),
  ).sort();
}

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
    // The vector's 0.484112 is the law of one sample of nm / (n + m) = 10 rows, which approximates this one.
    // Nothing here needs an approximation: drift is judged on frozen bins, whose limit knows the rows.
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
    expect(shares[1].at(-1)).toBe(0.35);
    const { statistic, degrees, probability } = chiSquaredTest(reference, current);
    expect([round(statistic), degrees]).toEqual([56.565657, 3]);
    expect(probability / 3.18144e-12).toBeCloseTo(1, 4);
  });

  it.each([
    [50, 0.18009, 0.338549, 0.557822],
    [100, 0.09009, 0.169359, 0.27905],
    [200, 0.04509, 0.084764, 0.139665],
    [500, 0.01809, 0.034007, 0.056033],
    [1_000, 0.00909, 0.017088, 0.028156],
    [5_000, 0.00189, 0.003553, 0.005854],
    [20_000, 0.00054, 0.001015, 0.001673],
  ])('D6: PSI without drift, %i rows', (current, expected, usual, extreme) => {
    const rows = { reference: 100_000, current };
    expect(round(nullStability(rows, 10, 0.95))).toBe(usual);
    expect(round(nullStability(rows, 10, 0.999))).toBe(extreme);
    expect(stabilityLimit(rows, 10)).toBeCloseTo(Math.max(0.1, extreme), 6);
    // χ² has the mean of its degrees of freedom.
    const scale = nullStability(rows, 10, 0.95) / chiSquaredQuantile(0.95, 9);
    expect(round(9 * scale)).toBe(expected);
  });

  // The vectors' own 4,000 trials came from another generator: equal up to the chance of two simulations.
  it.each([
    [50, 0.164068, 0.328758, 0.550132, 0.7685, 0.26675],
    [100, 0.084945, 0.158185, 0.275945, 0.30875, 0.01675],
    [200, 0.044404, 0.08337, 0.134435, 0.01575, 0],
    [500, 0.017838, 0.033874, 0.055699, 0, 0],
    [1_000, 0.009011, 0.016926, 0.028138, 0, 0],
    [5_000, 0.001869, 0.003535, 0.005588, 0, 0],
    [20_000, 0.000541, 0.001001, 0.001568, 0, 0],
  ])(
    'D6: PSI of simulated samples without drift, %i rows',
    (current, mean, usual, extreme, above, far) => {
      const trials = simulatedStability({ reference: 100_000, current }, 10, 4_000);
      const [q95 = 0, q999 = 0] = quantilesOfSorted(trials, [0.95, 0.999]);
      const shareAbove = (psi: number) =>
        trials.filter((each) => each > psi).length / trials.length;
      const average = trials.reduce((sum, each) => sum + each, 0) / trials.length;
      expect(Math.abs(average / mean - 1)).toBeLessThan(0.04);
      expect(Math.abs(q95 / usual - 1)).toBeLessThan(0.08);
      expect(Math.abs(q999 / extreme - 1)).toBeLessThan(0.3);
      expect(Math.abs(shareAbove(0.1) - above)).toBeLessThan(0.04);
      expect(Math.abs(shareAbove(0.2) - far)).toBeLessThan(0.04);
    },
  );

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
