import { linearQuantile } from './regression-metrics.ts';
import { seededRandom } from './seeded-random.ts';

export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** Resamples of a 95 % interval: its ends are then known to about a tenth of its width. */
const RESAMPLES = 500;
/** Above this many units a resample costs more than its noise is worth. */
const RESAMPLES_OF_MANY = 100;
const MANY_UNITS = 100_000;

/**
 * 95 % percentile interval of a difference between two versions judged on the same units (Efron 1979): each
 * resample draws units with replacement, the same for both, so that what makes a unit hard cancels out.
 * @param differenceOf the difference for units counted `weights[unit]` times; undefined where it is not
 * defined, and then the resample does not count.
 * @returns undefined where most resamples were undefined.
 */
export function pairedBootstrap(
  units: number,
  differenceOf: (weights: Int32Array) => number | undefined,
  seed = 1,
): Interval | undefined {
  const random = seededRandom(seed, 'paired bootstrap');
  const resamples = units > MANY_UNITS ? RESAMPLES_OF_MANY : RESAMPLES;
  const differences: number[] = [];
  const weights = new Int32Array(units);
  for (let resample = 0; resample < resamples; resample++) {
    weights.fill(0);
    for (let drawn = 0; drawn < units; drawn++) {
      const unit = random.integer(units);
      weights[unit] = (weights[unit] ?? 0) + 1;
    }
    const difference = differenceOf(weights);
    if (difference !== undefined) differences.push(difference);
  }
  const low = linearQuantile(differences, 0.025);
  const high = linearQuantile(differences, 0.975);
  if (low === undefined || high === undefined || differences.length < resamples / 2)
    return undefined;
  return { low, high };
}
