import upperGamma from '@stdlib/math-base-special-gammainc';
import quantile from '@stdlib/stats-base-dists-chisquare-quantile';

/** P(X > value) for chi-squared X; from the upper tail, since 1 − cdf is 0 below 1e-16. */
export const chiSquaredTail = (value: number, degrees: number): number =>
  value <= 0 ? 1 : upperGamma(value / 2, degrees / 2, true, true);

/** The value that chi-squared stays below with this probability. */
export const chiSquaredQuantile = (probability: number, degrees: number): number =>
  quantile(probability, degrees);
