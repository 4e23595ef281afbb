import { normalQuantile } from './normal.ts';

export interface SizeOf {
  /** Two-sided. */
  readonly alpha: number;
  readonly power: number;
  /** Variances of one unit in each arm. */
  readonly variances: readonly [champion: number, challenger: number];
  /** Smallest difference worth finding, in the metric's unit. */
  readonly difference: number;
}

/** Units an arm for a difference of means: (z₁₋α⸝₂ + z_power)² (v₁ + v₂) / d². */
export function unitsForDifference({ alpha, power, variances, difference }: SizeOf): number {
  const z = normalQuantile(1 - alpha / 2) + normalQuantile(power);
  return Math.ceil((z * z * (variances[0] + variances[1])) / difference ** 2);
}

/**
 * Units an arm for one guardrail to pass when the arms are equal: (z₁₋α + z₁₋β)² 2 v / (m mean)².
 * @param guardrails that must all pass: each gets its share of the chance to miss.
 */
export function unitsForMargin(options: {
  readonly alpha: number;
  readonly power: number;
  readonly variance: number;
  readonly mean: number;
  readonly margin: number;
  readonly guardrails: number;
}): number {
  const { alpha, power, variance, mean, margin, guardrails } = options;
  const miss = (1 - power) / (guardrails + 1);
  const z = normalQuantile(1 - alpha) + normalQuantile(1 - miss);
  return Math.ceil((z * z * 2 * variance) / (margin * mean) ** 2);
}
