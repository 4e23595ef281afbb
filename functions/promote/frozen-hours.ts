import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { hoursBetween, isHourOver } from './cohorts.ts';
import type { LookSources, Subject } from './evidence.ts';

/** What hours of a place add up to, in any order and grouping. */
export interface Additive<Sum> {
  /** Names what is kept. */
  readonly kind: string;
  /** Days, and hours of each, read at once. */
  readonly atOnce: number;
  ofHour(hour: string): Promise<Sum>;
  addUp(parts: readonly Sum[]): Sum;
}

type Freezer = Pick<LookSources, 'frozen'>;

/**
 * Adds up what was recorded since the place was opened. Hours that are over are read once, and then days, so
 * that a look after three weeks reads some twenty items and not five hundred; the rest is read anew.
 */
export async function addUpPlace<Sum>(
  additive: Additive<Sum>,
  subject: Subject,
  sources: Freezer,
): Promise<Sum> {
  const { promotion, nowMs } = subject;
  const byDay = Map.groupBy(hoursBetween(epochMsOf(promotion.placeSince), nowMs), (hour) =>
    hour.slice(0, 10),
  );
  const days = await inParallel([...byDay], additive.atOnce, ([day, hours]) => {
    const read = () => addUpHours(hours, additive, subject, sources);
    return isHourOver(`${day}T23`, nowMs)
      ? sources.frozen(promotion.model, nameOf(additive, day, subject), read)
      : read();
  });
  return additive.addUp(days);
}

export async function addUpHours<Sum>(
  hours: readonly string[],
  additive: Additive<Sum>,
  subject: Subject,
  { frozen }: Freezer,
): Promise<Sum> {
  const { promotion, nowMs } = subject;
  const sums = await inParallel(hours, additive.atOnce, (hour) => {
    const read = () => additive.ofHour(hour);
    return isHourOver(hour, nowMs)
      ? frozen(promotion.model, nameOf(additive, hour, subject), read)
      : read();
  });
  return additive.addUp(sums);
}

const nameOf = <Sum>(
  { kind }: Additive<Sum>,
  span: string,
  { promotion: { id, place } }: Subject,
): string => `${kind}#${id}#${place.step}#${place.rung ?? 0}#${span}`;
