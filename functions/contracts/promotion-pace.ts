import type { PromotionPlace } from './promotion.ts';
import type { PromotionPlan } from './promotion-plan.ts';

export type PlanStep = PromotionPlan['steps'][number];
/** Steps that last, and are looked at while they do. */
export type WatchedStep = Extract<PlanStep, { kind: 'shadow' | 'pilot' | 'ab' | 'bake' }>;

const WATCHED: readonly string[] = [
  'shadow',
  'pilot',
  'ab',
  'bake',
] satisfies WatchedStep['kind'][];

export const isWatched = (step: PlanStep): step is WatchedStep => WATCHED.includes(step.kind);

const HOUR_SECONDS = 3_600;
const DAY_SECONDS = 24 * HOUR_SECONDS;

/** How long a place lasts at the longest, in seconds. */
export function lastsSeconds(step: WatchedStep, { rung = 0 }: PromotionPlace): number {
  switch (step.kind) {
    case 'shadow':
      return step.hours * SHADOW_PATIENCE * HOUR_SECONDS;
    case 'pilot':
      return (step.ramp[rung]?.bakeMinutes ?? 0) * 60 * PILOT_PATIENCE;
    case 'ab':
      return step.maximumDays * DAY_SECONDS;
    case 'bake':
      return step.hours * HOUR_SECONDS;
  }
}

/** A shadow or a rung without enough requests waits this many times its length, then it is rejected. */
export const SHADOW_PATIENCE = 4;
export const PILOT_PATIENCE = 4;

/** A day of first exposures, a day of each unit's window, and two hours of recording; then outcomes mature. */
export const COHORT_HOURS = 50;

/** A place whose end falls into an outage of what is measured waits for this many looks more. */
export const OUTAGE_LOOKS = 24;

/**
 * Seconds between two looks: 24 in the shortest course of a place, but not more often than once a minute
 * and not less than once an hour, since the lease of a dead promotion lasts two looks.
 */
export function lookEverySeconds(step: WatchedStep, place: PromotionPlace): number {
  const shortest =
    step.kind === 'ab'
      ? step.minimumDays * DAY_SECONDS
      : lastsSeconds(step, place) /
        (step.kind === 'shadow' ? SHADOW_PATIENCE : step.kind === 'pilot' ? PILOT_PATIENCE : 1);
  return Math.round(Math.min(Math.max(shortest / 24, 60), HOUR_SECONDS));
}
