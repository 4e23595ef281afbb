import quantile from '@stdlib/stats-base-dists-normal-quantile';

/** The value that a standard normal stays below with this probability. */
export const normalQuantile = (probability: number): number => quantile(probability, 0, 1);
