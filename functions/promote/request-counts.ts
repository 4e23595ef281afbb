import type { Arms } from '../measures/arm-effect.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { hoursBetween, isHourOver } from './cohorts.ts';
import type { LookSources, Subject } from './evidence.ts';
import { NO_REQUESTS, type RequestCounts } from './unit-reader.ts';

/** Days and hours counted at once; each hour reads all its partitions. */
const AT_ONCE = 4;
const HOUR_MS = 3_600_000;

type CountSources = Pick<LookSources, 'frozen'> & {
  readonly units: Pick<LookSources['units'], 'requests'>;
};

/**
 * Requests and failures since the place was opened. Hours that are over are counted once, and then days, so
 * that a look after three weeks reads some twenty items and not five hundred; the rest is counted anew.
 */
export async function countRequests(
  subject: Subject,
  sources: CountSources,
): Promise<RequestCounts> {
  const { promotion, nowMs } = subject;
  const byDay = Map.groupBy(hoursBetween(epochMsOf(promotion.placeSince), nowMs), (hour) =>
    hour.slice(0, 10),
  );
  const counts = await inParallel([...byDay], AT_ONCE, ([day, hours]) =>
    countDay(day, hours, subject, sources),
  );
  return addUp(counts);
}

/** Requests of both arms in so many hours until now, of those since the place was opened. */
export async function countLatest(
  hours: number,
  subject: Subject,
  sources: CountSources,
): Promise<number> {
  const { promotion, nowMs } = subject;
  const fromMs = Math.max(epochMsOf(promotion.placeSince), nowMs - hours * HOUR_MS);
  const { requests } = await countHours(hoursBetween(fromMs, nowMs), subject, sources);
  return requests.champion + requests.challenger;
}

function countDay(
  day: string,
  hours: readonly string[],
  subject: Subject,
  sources: CountSources,
): Promise<RequestCounts> {
  const count = () => countHours(hours, subject, sources);
  return isHourOver(`${day}T23`, subject.nowMs)
    ? sources.frozen(subject.promotion.model, nameOf(day, subject), count)
    : count();
}

async function countHours(
  hours: readonly string[],
  subject: Subject,
  { units, frozen }: CountSources,
): Promise<RequestCounts> {
  const { promotion, nowMs } = subject;
  const counts = await inParallel(hours, AT_ONCE, (hour) => {
    const count = () => units.requests(promotion.id, hour, promotion.placeSince);
    return isHourOver(hour, nowMs)
      ? frozen(promotion.model, nameOf(hour, subject), count)
      : count();
  });
  return addUp(counts);
}

const nameOf = (span: string, { promotion: { id, place } }: Subject): string =>
  `requests#${id}#${place.step}#${place.rung ?? 0}#${span}`;

const addArms = (one: Arms<number>, other: Arms<number>): Arms<number> => ({
  champion: one.champion + other.champion,
  challenger: one.challenger + other.challenger,
});

const addUp = (counts: readonly RequestCounts[]): RequestCounts =>
  counts.reduce(
    (sum, each) => ({
      requests: addArms(sum.requests, each.requests),
      events: addArms(sum.events, each.events),
    }),
    NO_REQUESTS,
  );
