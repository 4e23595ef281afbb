/**
 * A confidence sequence and its p-value hold at every look at once, however many looks there are:
 * asymptotic, normal mixture (Waudby-Smith et al. 2024, https://arxiv.org/abs/2103.06476; equal to Howard
 * et al. 2021 and to the mSPRT with tau² = rho² N SE²).
 */
export interface SequentialTest {
  readonly alpha: number;
  /** Units at which the test is sharpest; fixed before the first look. */
  readonly sharpestAt: number;
}

interface Observed {
  readonly estimate: number;
  readonly standardError: number;
  /** Of both arms. */
  readonly units: number;
}

export interface TwoSided {
  readonly low: number;
  readonly high: number;
  readonly criticalValue: number;
  readonly probability: number;
}

export interface OneSided {
  /** The effect is above it. */
  readonly low: number;
  readonly criticalValue: number;
  /** Of an effect of 0 or less. */
  readonly probability: number;
}

/** rho² that makes the interval narrowest at `sharpestAt` units. */
const mixture = (alpha: number, sharpestAt: number): number =>
  (-2 * Math.log(alpha) + Math.log(1 - 2 * Math.log(alpha))) / sharpestAt;

const zOf = ({ estimate, standardError }: Observed): number =>
  standardError === 0 ? 0 : estimate / standardError;

/** No variance, no verdict: the interval is the whole line. */
const NOTHING = { low: -Infinity, high: Infinity, criticalValue: Infinity, probability: 1 };

export function twoSided(observed: Observed, { alpha, sharpestAt }: SequentialTest): TwoSided {
  const { estimate, standardError, units } = observed;
  if (standardError === 0 || units === 0) return NOTHING;
  const a = units * mixture(alpha, sharpestAt);
  const criticalValue = Math.sqrt((1 + 1 / a) * (Math.log(a + 1) - 2 * Math.log(alpha)));
  const z = zOf(observed);
  return {
    low: estimate - standardError * criticalValue,
    high: estimate + standardError * criticalValue,
    criticalValue,
    probability: Math.min(1, Math.sqrt(a + 1) * Math.exp((-z * z * a) / (2 * (a + 1)))),
  };
}

/** The closed form is slightly conservative: 2.779 against 2.766 of the exact mixture. */
export function oneSided(observed: Observed, { alpha, sharpestAt }: SequentialTest): OneSided {
  const { estimate, standardError, units } = observed;
  if (standardError === 0 || units === 0) return NOTHING;
  const a = units * mixture(2 * alpha, sharpestAt);
  const criticalValue = Math.sqrt(2 * (1 + 1 / a) * Math.log1p(Math.sqrt(a + 1) / (2 * alpha)));
  const z = zOf(observed);
  const probability =
    z > 0 ? Math.min(1, Math.sqrt(a + 1) / (2 * Math.expm1((z * z * a) / (2 * (a + 1))))) : 1;
  return { low: estimate - standardError * criticalValue, criticalValue, probability };
}
