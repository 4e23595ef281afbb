import { chiSquaredQuantile, chiSquaredTail } from './chi-squared.ts';

type Values = readonly number[];

/**
 * Shares of bins with half a count added to each, so that an empty bin is unlikely rather than impossible;
 * the same on both sides of a comparison.
 */
export function smoothedShares(counts: Values): number[] {
  const total = sumOf(counts) + counts.length / 2;
  return counts.map((count) => (count + 0.5) / total);
}

/** Shares as counted. */
export function plainShares(counts: Values): number[] {
  const total = sumOf(counts);
  return counts.map((count) => count / total);
}

const sumOf = (values: Values): number => values.reduce((sum, value) => sum + value, 0);

const sumOver = (
  reference: Values,
  current: Values,
  term: (reference: number, current: number) => number,
): number => sumOf(reference.map((share, bin) => term(share, current[bin] ?? 0)));

/** Population stability index Σ (b − a) ln(b / a); infinite for shares of 0, so smooth counts first. */
export const populationStability = (reference: Values, current: Values): number =>
  sumOver(reference, current, (a, b) => (a === b ? 0 : (b - a) * Math.log(b / a)));

/** Kullback-Leibler divergence of the reference from the current shares, in nats. */
export const relativeEntropy = (reference: Values, current: Values): number =>
  sumOver(reference, current, (a, b) => (a === 0 ? 0 : a * Math.log(a / b)));

/** Jensen-Shannon divergence in bits, from 0 to 1; its root is the distance. */
export function jensenShannon(reference: Values, current: Values): number {
  const middle = reference.map((share, bin) => (share + (current[bin] ?? 0)) / 2);
  return (relativeEntropy(reference, middle) + relativeEntropy(current, middle)) / 2 / Math.LN2;
}

/** √ of the divergence in bits. For small shifts about √(PSI / (8 ln 2)). */
export const jensenShannonDistance = (reference: Values, current: Values): number =>
  Math.sqrt(jensenShannon(reference, current));

/** Largest change of any share. */
export const largestShift = (reference: Values, current: Values): number =>
  Math.max(...reference.map((share, bin) => Math.abs(share - (current[bin] ?? 0))));

export const hellinger = (reference: Values, current: Values): number =>
  Math.sqrt(sumOver(reference, current, (a, b) => (Math.sqrt(a) - Math.sqrt(b)) ** 2) / 2);

/** Half the sum of absolute changes: the share of rows that would have to move. */
export const totalVariation = (reference: Values, current: Values): number =>
  sumOver(reference, current, (a, b) => Math.abs(a - b)) / 2;

/**
 * The PSI above which rows have drifted rather than varied: without drift it is about
 * (1/n + 1/m) χ² with bins − 1 degrees of freedom. Never below 0.1, the usual "moderate".
 * @param confidence share of drift-free windows that stay below; 0.999 where not asked otherwise.
 */
export function stabilityLimit(
  rows: { readonly reference: number; readonly current: number },
  bins: number,
  confidence = 0.999,
): number {
  return Math.max(0.1, nullStability(rows, bins, confidence));
}

/** Quantile of PSI between two samples of one distribution. */
export const nullStability = (
  rows: { readonly reference: number; readonly current: number },
  bins: number,
  confidence: number,
): number => (1 / rows.reference + 1 / rows.current) * chiSquaredQuantile(confidence, bins - 1);

/** Bins of a profile: (−∞, e₁], (e₁, e₂] … (eₙ, ∞), then one for missing numbers. */
export function binCounts(edges: Values, values: Iterable<number>): number[] {
  const counts = new Array<number>(edges.length + 2).fill(0);
  for (const value of values) {
    const place = edges.findIndex((edge) => value <= edge);
    const ordinary = place < 0 ? edges.length : place;
    const bin = Number.isNaN(value) ? edges.length + 1 : ordinary;
    counts[bin] = (counts[bin] ?? 0) + 1;
  }
  return counts;
}

/** Quantile edges of a reference for `bins` bins, equal ones merged; NaN is left out. */
export function quantileEdges(reference: ArrayLike<number>, bins: number): number[] {
  const sorted = Float64Array.from(reference)
    .filter((value) => !Number.isNaN(value))
    .sort();
  const levels = Array.from({ length: bins - 1 }, (_, at) => (at + 1) / bins);
  return [...new Set(quantilesOfSorted(sorted, levels))];
}

/** Quantiles by linear interpolation of values in ascending order; none of no values. */
export function quantilesOfSorted(sorted: Float64Array, levels: Values): number[] {
  if (sorted.length === 0) return [];
  return levels.map((level) => {
    const place = level * (sorted.length - 1);
    const below = sorted[Math.floor(place)] ?? 0;
    return below + ((sorted[Math.ceil(place)] ?? below) - below) * (place - Math.floor(place));
  });
}

/** χ² test that two sets of counts come from one distribution; bins empty in both are left out. */
export function chiSquaredTest(reference: Values, current: Values) {
  const [n, m] = [sumOf(reference), sumOf(current)];
  const used = reference.flatMap((a, bin) => {
    const b = current[bin] ?? 0;
    return a + b > 0 ? [{ a, b }] : [];
  });
  const statistic = sumOf(
    used.map(({ a, b }) => {
      const expected = { a: ((a + b) * n) / (n + m), b: ((a + b) * m) / (n + m) };
      return (a - expected.a) ** 2 / expected.a + (b - expected.b) ** 2 / expected.b;
    }),
  );
  const degrees = used.length - 1;
  return { statistic, degrees, probability: chiSquaredTail(statistic, degrees) };
}
