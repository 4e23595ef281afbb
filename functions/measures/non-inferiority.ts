import type { Arms, ArmValue } from './arm-effect.ts';
import { oneSided, type SequentialTest } from './sequential-test.ts';

export type GuardrailVerdict = 'PASS' | 'FAIL' | 'UNDECIDED';

export interface NonInferiority {
  readonly verdict: GuardrailVerdict;
  /** d (challenger − k champion), k = 1 − d m: above 0 while the challenger is worse by less than m. */
  readonly delta: number;
  readonly standardError: number;
  /** Lower bound of delta. */
  readonly low: number;
  /** Of being worse by m or more, and of being better than that. */
  readonly inferiorProbability: number;
  readonly superiorProbability: number;
  /** Of not being worse at all: reported, and decisive only where the margin is 0. */
  readonly harmProbability: number;
}

/**
 * Whether the challenger is worse by less than a share `margin` of the champion's value. A linear
 * combination is tested, so that no noisy champion's mean divides.
 * @param direction 1 where higher is better, −1 where lower is.
 */
export function nonInferiority(
  { champion, challenger }: Arms<ArmValue>,
  margin: number,
  direction: 1 | -1,
  test: SequentialTest,
): NonInferiority {
  const k = 1 - direction * margin;
  const units = champion.units + challenger.units;
  const delta = direction * (challenger.value - k * champion.value);
  const standardError = Math.sqrt(challenger.variance + k * k * champion.variance);
  const within = oneSided({ estimate: delta, standardError, units }, test);
  const beyond = oneSided({ estimate: -delta, standardError, units }, test);
  const harm = oneSided(
    {
      estimate: direction * (champion.value - challenger.value),
      standardError: Math.sqrt(champion.variance + challenger.variance),
      units,
    },
    test,
  );
  return {
    verdict: within.low > 0 ? 'PASS' : beyond.low > 0 ? 'FAIL' : 'UNDECIDED',
    delta,
    standardError,
    low: within.low,
    inferiorProbability: within.probability,
    superiorProbability: beyond.probability,
    harmProbability: harm.probability,
  };
}
