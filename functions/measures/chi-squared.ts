import cdf from '@stdlib/stats-base-dists-chisquare-cdf';
import quantile from '@stdlib/stats-base-dists-chisquare-quantile';

/** P(X > value) for chi-squared X. */
export const chiSquaredTail = (value: number, degrees: number): number =>
  value <= 0 ? 1 : 1 - cdf(value, degrees);

/** The value that chi-squared stays below with this probability. */
export const chiSquaredQuantile = (probability: number, degrees: number): number =>
  quantile(probability, degrees);
