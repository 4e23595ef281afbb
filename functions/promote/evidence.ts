import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion } from '../contracts/promotion.ts';
import type { Arms } from '../measures/arm-effect.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { type Measured, type MetricTotals, mergeTotals, sumsOf, totalsOf } from './arm-sums.ts';
import { hoursBetween, isHourOver, matureCohorts } from './cohorts.ts';
import type { LookEvidence } from './look.ts';
import { NO_REQUESTS, type RequestCounts, type UnitReader } from './unit-reader.ts';

/** Where a look reads from. */
export interface LookSources {
  readonly units: UnitReader;
  /** Names of objectives whose alarms began to ring after an instant, by the arm they are about. */
  alarms(model: string, sinceMs: number): Promise<Arms<readonly string[]>>;
  /** The value kept under a name, or this one, kept from now on: what was counted once stays so. */
  frozen<Value>(model: string, name: string, make: () => Promise<Value>): Promise<Value>;
}

export interface Subject {
  readonly promotion: Promotion;
  readonly spec: ModelSpec;
  readonly nowMs: number;
}

const HOUR_MS = 3_600_000;

/** Evidence for a test over mature cohorts of units. */
export async function cohortEvidence(
  subject: Subject,
  measured: readonly Measured[],
  hasSucceeded: boolean,
  sources: LookSources,
): Promise<LookEvidence> {
  const { promotion, spec, nowMs } = subject;
  const { id, model, placeSince } = promotion;
  const exposures = await sources.units.exposures(id, placeSince);
  const days = matureCohorts(placeSince, nowMs, spec.monitoring.outcomes.maturityHours);
  let totals: MetricTotals = {};
  for (const day of days)
    totals = mergeTotals(
      totals,
      await sources.frozen(model, `cohort#${id}#${promotion.place.step}#${day}`, async () =>
        totalsOf(await sources.units.cohort(id, day, exposures), measured),
      ),
    );
  const metrics = measured.map((each) => sumsOf(each, totals));
  const judged = metrics[0]?.arms;
  const isSilent =
    days.length > 0 &&
    exposures.length > 0 &&
    judged?.champion.n === 0 &&
    judged.challenger.n === 0;
  return {
    ...(await commonEvidence(subject, sources)),
    ...countExposed(exposures),
    data: isSilent ? 'silent' : 'complete',
    incompleteHours: isSilent ? hoursSince(subject) : 0,
    metrics,
    hasSucceeded,
  };
}

/** Evidence while a pilot lasts: too short for cohorts, so every matured request since it was opened. */
export async function pilotEvidence(
  subject: Subject,
  measured: readonly Measured[],
  sources: LookSources,
): Promise<LookEvidence> {
  const { promotion, spec, nowMs } = subject;
  const { id, placeSince, startedAt } = promotion;
  // Who was exposed on an earlier rung stays exposed on this one.
  const exposures = await sources.units.exposures(id, startedAt);
  const hours = hoursBetween(epochMsOf(placeSince), nowMs);
  const maturedMs = nowMs - spec.monitoring.outcomes.maturityHours * HOUR_MS;
  const units = await sources.units.recent(id, hours, exposures, maturedMs, placeSince);
  const totals = totalsOf(units, measured);
  return {
    ...(await commonEvidence(subject, sources)),
    ...countExposed(exposures),
    data: 'complete',
    incompleteHours: 0,
    metrics: measured.map((each) => sumsOf(each, totals)),
    hasSucceeded: false,
  };
}

/** A look without units: while in shadow and in the bake, alarms alone speak. */
export async function alarmEvidence(subject: Subject, sources: LookSources): Promise<LookEvidence> {
  const { promotion } = subject;
  return {
    days: hoursSince(subject) / 24,
    alarms: await alarmsOf(promotion, sources),
    exposed: { champion: 0, challenger: 0 },
    mixedUnits: 0,
    data: 'complete',
    incompleteHours: 0,
    metrics: [],
    hasSucceeded: false,
  };
}

async function commonEvidence(subject: Subject, sources: LookSources) {
  const { requests, events } = await countRequests(subject, sources);
  const total = requests.champion + requests.challenger;
  const share = total > 0 ? requests.challenger / total : 0;
  return {
    days: hoursSince(subject) / 24,
    alarms: await alarmsOf(subject.promotion, sources),
    requests,
    ...(share > 0 &&
      share < 1 && {
        rareEvents: {
          challenger: events.challenger,
          total: events.challenger + events.champion,
          share,
        },
      }),
  };
}

async function alarmsOf({ model, placeSince }: Promotion, sources: LookSources) {
  const { champion, challenger } = await sources.alarms(model, epochMsOf(placeSince));
  return { champion: [...champion], challenger: [...challenger] };
}

const hoursSince = ({ promotion, nowMs }: Subject): number =>
  (nowMs - epochMsOf(promotion.placeSince)) / HOUR_MS;

/** Hours that are over are counted once; the rest is counted anew at each look. */
async function countRequests(
  { promotion, nowMs }: Subject,
  sources: LookSources,
): Promise<RequestCounts> {
  const { id, model, placeSince, place } = promotion;
  let counts = NO_REQUESTS;
  for (const hour of hoursBetween(epochMsOf(placeSince), nowMs)) {
    const count = () => sources.units.requests(id, hour, placeSince);
    const name = `requests#${id}#${place.step}#${place.rung ?? 0}#${hour}`;
    const more = isHourOver(hour, nowMs) ? await sources.frozen(model, name, count) : await count();
    counts = {
      requests: addArms(counts.requests, more.requests),
      events: addArms(counts.events, more.events),
    };
  }
  return counts;
}

const addArms = (one: Arms<number>, other: Arms<number>): Arms<number> => ({
  champion: one.champion + other.champion,
  challenger: one.challenger + other.challenger,
});

function countExposed(
  exposures: readonly { readonly arm: keyof Arms<number>; readonly arms: readonly string[] }[],
): Pick<LookEvidence, 'exposed' | 'mixedUnits'> {
  const exposed = { champion: 0, challenger: 0 };
  let mixedUnits = 0;
  for (const { arm, arms } of exposures) {
    if (arms.length === 1) exposed[arm] += 1;
    else mixedUnits += 1;
  }
  return { exposed, mixedUnits };
}
