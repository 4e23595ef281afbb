import { type Moments, mergeUnits, momentsOf, type UnitSums } from './unit-sums.ts';

/** Value of a metric in one arm, with the variance of that value (not of a unit). */
export interface ArmValue {
  readonly units: number;
  readonly value: number;
  readonly variance: number;
}

/** Challenger minus champion. */
export interface Effect {
  readonly estimate: number;
  readonly standardError: number;
  /** Of both arms together. */
  readonly units: number;
}

export interface Arms<Value> {
  readonly champion: Value;
  readonly challenger: Value;
}

export const effectOf = ({ champion, challenger }: Arms<ArmValue>): Effect => ({
  estimate: challenger.value - champion.value,
  standardError: Math.sqrt(challenger.variance + champion.variance),
  units: challenger.units + champion.units,
});

/** Mean of y over units. Undefined for fewer than two units. */
export function meanOfUnits(sums: UnitSums): ArmValue | undefined {
  const moments = momentsOf(sums);
  return moments && { units: moments.n, value: moments.meanY, variance: moments.varY / moments.n };
}

/**
 * Σy / Σx with its variance by the delta method, for metrics whose denominator varies by unit (Deng,
 * Knoblich and Lu 2018, https://arxiv.org/abs/1803.06336).
 * @returns undefined while the mean of x is within 10 standard errors of 0: the approximation fails there.
 */
export function ratioOfUnits(sums: UnitSums): ArmValue | undefined {
  const moments = momentsOf(sums);
  if (!moments || moments.meanX <= 0) return undefined;
  const { n, meanX, meanY, varX, varY, covXY } = moments;
  if (varX > 0 && meanX / Math.sqrt(varX / n) < 10) return undefined;
  const value = meanY / meanX;
  const variance = (varY + value * value * varX - 2 * value * covXY) / (n * meanX * meanX);
  return { units: n, value, variance: Math.max(variance, 0) };
}

/** Challenger over champion, minus 1, of ratios or means; by the delta method. */
export function relativeLift({ champion, challenger }: Arms<ArmValue>): Effect {
  const base = champion.value;
  const variance =
    challenger.variance / base ** 2 + (challenger.value ** 2 * champion.variance) / base ** 4;
  return {
    estimate: challenger.value / base - 1,
    standardError: Math.sqrt(variance),
    units: champion.units + challenger.units,
  };
}

export interface AdjustedArms extends Arms<ArmValue> {
  readonly theta: number;
}

/** Below this many units an arm is too small to learn theta from. */
const MINIMUM_UNITS = 100;

/**
 * Means of y adjusted by a covariate x that the arm could not affect (CUPED: Deng, Xu, Kohavi and Walker
 * 2013). theta is taken over the units of both arms together.
 * @returns undefined where x does not vary or the arms have fewer than two units.
 */
export function adjustByCovariate({
  champion,
  challenger,
}: Arms<UnitSums>): AdjustedArms | undefined {
  const pooled = momentsOf(mergeUnits(champion, challenger));
  const [base, trial] = [momentsOf(champion), momentsOf(challenger)];
  if (!pooled || !base || !trial || pooled.varX === 0) return undefined;
  const theta = pooled.covXY / pooled.varX;
  const adjust = ({ n, meanY, meanX, varY, varX, covXY }: Moments): ArmValue => ({
    units: n,
    value: meanY - theta * (meanX - pooled.meanX),
    variance: Math.max(varY + theta * theta * varX - 2 * theta * covXY, 0) / n,
  });
  return { theta, champion: adjust(base), challenger: adjust(trial) };
}

/**
 * The adjusted means where adjusting is safe and helps, else the plain ones.
 * @param known share of units whose covariate is known; below 5 % the rest would dominate.
 */
export function meansOfArms(
  sums: Arms<UnitSums>,
  known: number,
): (Arms<ArmValue> & { readonly theta?: number }) | undefined {
  const champion = meanOfUnits(sums.champion);
  const challenger = meanOfUnits(sums.challenger);
  if (!champion || !challenger) return undefined;
  const isLarge = Math.min(champion.units, challenger.units) >= MINIMUM_UNITS && known >= 0.05;
  const adjusted = isLarge ? adjustByCovariate(sums) : undefined;
  const helps =
    adjusted &&
    adjusted.champion.variance + adjusted.challenger.variance <
      champion.variance + challenger.variance;
  return helps ? adjusted : { champion, challenger };
}
