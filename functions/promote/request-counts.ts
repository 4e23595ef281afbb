import type { Arms } from '../measures/arm-effect.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { hoursBetween } from './cohorts.ts';
import type { LookSources, Subject } from './evidence.ts';
import { type Additive, addUpHours, addUpPlace } from './frozen-hours.ts';
import { NO_REQUESTS, type RequestCounts } from './unit-reader.ts';

/** Each hour reads all its partitions. */
const AT_ONCE = 4;
const HOUR_MS = 3_600_000;

type CountSources = Pick<LookSources, 'frozen'> & {
  readonly units: Pick<LookSources['units'], 'requests'>;
};

/** Requests and failures since the place was opened. */
export const countRequests = (subject: Subject, sources: CountSources): Promise<RequestCounts> =>
  addUpPlace(requestsOf(subject, sources), subject, sources);

/** Requests of both arms in so many hours until now, of those since the place was opened. */
export async function countLatest(
  hours: number,
  subject: Subject,
  sources: CountSources,
): Promise<number> {
  const { promotion, nowMs } = subject;
  const fromMs = Math.max(epochMsOf(promotion.placeSince), nowMs - hours * HOUR_MS);
  const latest = hoursBetween(fromMs, nowMs);
  const { requests } = await addUpHours(latest, requestsOf(subject, sources), subject, sources);
  return requests.champion + requests.challenger;
}

const requestsOf = (
  { promotion: { id, placeSince } }: Subject,
  { units }: CountSources,
): Additive<RequestCounts> => ({
  kind: 'requests',
  atOnce: AT_ONCE,
  ofHour: (hour) => units.requests(id, hour, placeSince),
  addUp,
});

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
