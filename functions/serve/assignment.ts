import { createHash } from 'node:crypto';
import type { Arm } from '../contracts/prediction-line.ts';
import type { Route, ServedVersion } from '../contracts/route.ts';

export interface Assignment {
  readonly arm: Arm;
  readonly served: ServedVersion;
  /** Whether the unit takes part in the promotion, in either arm. */
  readonly isEnrolled: boolean;
}

export const BASIS_POINTS = 10_000;
/** Arms are equal; exposure grows, the split never does. */
const CHALLENGER_BUCKETS = BASIS_POINTS / 2;

/**
 * Bucket of a unit in [0, 10000): floor(u32be(sha256(salt + ":" + unit)) · 10000 / 2^32). Exact in a
 * double and the same in every language.
 */
export function bucketOf(salt: string, unit: string): number {
  const first = createHash('sha256').update(`${salt}:${unit}`, 'utf8').digest().readUInt32BE(0);
  return Math.floor((first * BASIS_POINTS) / 2 ** 32);
}

/**
 * Which version answers. Two salts: `expose` grows with the ramp, `variant` is fixed, so nobody changes
 * arm when exposure grows. Without a unit the champion answers and nobody is enrolled.
 * @param isLeaseValid whether the challenger's exposure has been renewed in time.
 */
export function assign(route: Route, unit: string | undefined, isLeaseValid: boolean): Assignment {
  const { champion, challenger } = route;
  const toChampion = (isEnrolled: boolean): Assignment => ({
    arm: 'champion',
    served: champion,
    isEnrolled,
  });
  if (!challenger || !isLeaseValid || unit === undefined) return toChampion(false);
  const isExposed =
    bucketOf(`${challenger.promotion}/expose`, unit) < challenger.exposureBasisPoints;
  if (!isExposed) return toChampion(false);
  const isChallenger = bucketOf(`${challenger.promotion}/variant`, unit) >= CHALLENGER_BUCKETS;
  return isChallenger
    ? { arm: 'challenger', served: challenger, isEnrolled: true }
    : toChampion(true);
}
