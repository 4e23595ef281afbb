import type { Arms } from '../measures/arm-effect.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { hoursBetween, isHourOver } from './cohorts.ts';
import type { LookSources, Subject } from './evidence.ts';
import { NO_REQUESTS, type RequestCounts } from './unit-reader.ts';

/** Days and hours counted at once; each hour reads all its partitions. */
const AT_ONCE = 4;

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

function countDay(
  day: string,
  hours: readonly string[],
  { promotion, nowMs }: Subject,
  { units, frozen }: CountSources,
): Promise<RequestCounts> {
  const { id, model, place, placeSince } = promotion;
  const name = (span: string): string => `requests#${id}#${place.step}#${place.rung ?? 0}#${span}`;
  const countHour = (hour: string): Promise<RequestCounts> => {
    const count = () => units.requests(id, hour, placeSince);
    return isHourOver(hour, nowMs) ? frozen(model, name(hour), count) : count();
  };
  const count = async () => addUp(await inParallel(hours, AT_ONCE, countHour));
  return isHourOver(`${day}T23`, nowMs) ? frozen(model, name(day), count) : count();
}

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
