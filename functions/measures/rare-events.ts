import incompleteBeta from '@stdlib/math-base-special-betainc';
import logBeta from '@stdlib/math-base-special-betaln';

export interface RareEvents {
  /** Events of the challenger, and of both arms. */
  readonly challenger: number;
  readonly total: number;
  /** The challenger's share of requests, in (0, 1). */
  readonly share: number;
}

/**
 * Log of the e-value against "the challenger causes no more than its share of events": exact, valid at any
 * stopping time and any count, for errors, time-outs and fallbacks that are too rare for means. Beta-binomial
 * mixture with a uniform prior on (share, 1). Events must be near independent: count one a unit and hour.
 */
export function logRareEventEvidence({ challenger: k, total: n, share: w }: RareEvents): number {
  const above = incompleteBeta(1 - w, n - k + 1, k + 1);
  return (
    logBeta(k + 1, n - k + 1) +
    Math.log(above) -
    Math.log1p(-w) -
    k * Math.log(w) -
    (n - k) * Math.log1p(-w)
  );
}

/** p-value of the same: min(1, 1 / E). */
export const rareEventProbability = (events: RareEvents): number =>
  Math.min(1, Math.exp(-logRareEventEvidence(events)));
