import cdf from '@stdlib/stats-base-dists-normal-cdf';
import quantile from '@stdlib/stats-base-dists-normal-quantile';

/** P(Z > value) for a standard normal Z. */
export const normalTail = (value: number): number => cdf(-value, 0, 1);

/** The value that a standard normal stays below with this probability. */
export const normalQuantile = (probability: number): number => quantile(probability, 0, 1);
