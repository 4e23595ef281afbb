import logGamma from '@stdlib/math-base-special-gammaln';
import { chiSquaredTail } from './chi-squared.ts';

/** Units of each arm at their first exposure, with the share that the plan gave the arm. */
export interface ArmCount {
  readonly units: number;
  readonly weight: number;
}

export interface SampleRatio {
  readonly statistic: number;
  readonly degrees: number;
  readonly probability: number;
}

/**
 * Pearson's test that units fell into the arms as planned. Arms of weight 0 count in neither the total nor
 * the degrees of freedom.
 * @returns undefined while an arm is expected to have fewer than 10 units: the test says nothing then.
 */
export function sampleRatio(counts: readonly ArmCount[]): SampleRatio | undefined {
  const arms = counts.filter(({ weight }) => weight > 0);
  const units = arms.reduce((sum, arm) => sum + arm.units, 0);
  const weights = arms.reduce((sum, arm) => sum + arm.weight, 0);
  const expected = arms.map(({ weight }) => (units * weight) / weights);
  if (arms.length < 2 || expected.some((each) => each < 10)) return undefined;
  const statistic = arms.reduce(
    (sum, arm, at) => sum + (arm.units - (expected[at] ?? 0)) ** 2 / (expected[at] ?? 1),
    0,
  );
  const degrees = arms.length - 1;
  return { statistic, degrees, probability: chiSquaredTail(statistic, degrees) };
}

/**
 * Log of the Bayes factor against the planned split, valid at any stopping time (Lindon and Malek 2020,
 * https://arxiv.org/abs/2011.03567).
 * @param concentration of the Dirichlet prior around the planned split.
 */
export function logSplitBayesFactor(counts: readonly ArmCount[], concentration = 10_000): number {
  const weights = counts.reduce((sum, arm) => sum + arm.weight, 0);
  const units = counts.reduce((sum, arm) => sum + arm.units, 0);
  return counts.reduce(
    (sum, arm) => {
      const share = arm.weight / weights;
      const prior = concentration * share;
      return sum + logGamma(prior + arm.units) - logGamma(prior) - arm.units * Math.log(share);
    },
    logGamma(concentration) - logGamma(concentration + units),
  );
}
