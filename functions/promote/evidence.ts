import type { Instant } from '../contracts/instant.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion } from '../contracts/promotion.ts';
import {
  lookEverySeconds,
  OUTAGE_LOOKS,
  type PlanStep,
  type WatchedStep,
} from '../contracts/promotion-pace.ts';
import type { Arms } from '../measures/arm-effect.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { type Measured, type MetricTotals, mergeTotals, sumsOf } from './arm-sums.ts';
import { matureCohorts } from './cohorts.ts';
import type { LookEvidence } from './look.ts';
import { stepOf } from './promotion-context.ts';
import { countRequests } from './request-counts.ts';
import { type ExposedUnits, NO_REQUESTS, type UnitReader } from './unit-reader.ts';
import { cohortTotals, totalsSoFar } from './unit-totals.ts';

/** An objective whose alarm rings. */
export interface MissedObjective {
  readonly metric: string;
  /** When the alarm began to ring. */
  readonly sinceMs: number;
}

/** Objectives that are missed, by arm and of the model as a whole. */
export interface Ringing extends Arms<readonly MissedObjective[]> {
  readonly model: readonly MissedObjective[];
}

/** Where a look reads from. */
export interface LookSources {
  readonly units: UnitReader;
  alarms(model: string): Promise<Ringing>;
  /** The value kept under a name, or this one, kept from now on: what was counted once stays so. */
  frozen<Value>(model: string, name: string, make: () => Promise<Value>): Promise<Value>;
}

export interface Subject {
  readonly promotion: Promotion;
  readonly spec: ModelSpec;
  readonly nowMs: number;
}

const HOUR_MS = 3_600_000;

/**
 * Reads what a look rests on. What could not be read is part of the evidence, not an error: an outage of what
 * is measured holds a promotion; it neither moves it nor ends it.
 */
export class Reading {
  readonly #failures: string[] = [];

  /** @param otherwise where it cannot be read. */
  async try<Value>(what: string, read: () => Promise<Value>, otherwise: Value): Promise<Value> {
    try {
      return await read();
    } catch (error) {
      this.#failures.push(`${what}: ${error instanceof Error ? error.message : String(error)}`);
      return otherwise;
    }
  }

  /** @param data how it was where all was read. */
  found(data: 'complete' | 'silent'): Pick<LookEvidence, 'data' | 'failure'> {
    if (this.#failures.length === 0) return { data };
    return { data: 'failed', failure: this.#failures.join('; ').slice(0, 1_000) };
  }
}

/** Whether a place has lasted as long as it may; one that ends in an outage waits for it to pass. */
export function isOver(
  { days, data }: Pick<LookEvidence, 'days' | 'data'>,
  maximumDays: number,
  step: WatchedStep,
  { place }: Pick<Promotion, 'place'>,
): boolean {
  const patience = data === 'failed' ? (OUTAGE_LOOKS * lookEverySeconds(step, place)) / 86_400 : 0;
  return days >= maximumDays + patience;
}

/**
 * Alarms by the version they are about. One that bakes is the champion, so what is missed since is its doing.
 * A challenger's count from when units first met it: one that begins as a rung ends counts on the next. What
 * the champion misses beside it both arms miss, however long it has.
 */
export async function alarmsOn(
  { model, placeSince, exposedSince = placeSince }: Promotion,
  kind: PlanStep['kind'],
  { alarms }: Pick<LookSources, 'alarms'>,
): Promise<LookEvidence['alarms']> {
  const ringing = await alarms(model);
  const metricsSince = (missed: readonly MissedObjective[], since?: Instant): string[] =>
    missed
      .filter(({ sinceMs }) => since === undefined || sinceMs >= epochMsOf(since))
      .map(({ metric }) => metric);
  if (kind !== 'bake')
    return {
      champion: metricsSince(ringing.champion),
      challenger: metricsSince(ringing.challenger, exposedSince),
    };
  const missed = metricsSince([...ringing.champion, ...ringing.model], placeSince);
  return { champion: [], challenger: [...new Set(missed)] };
}

const NOBODY: ExposedUnits = { exposed: { champion: 0, challenger: 0 }, mixedUnits: 0 };
const NO_COHORTS: Cohorts = { units: NOBODY, days: [], totals: {}, latest: {} };

interface Cohorts {
  readonly units: ExposedUnits;
  readonly days: readonly string[];
  readonly totals: MetricTotals;
  /** Of the last few days alone. */
  readonly latest: MetricTotals;
}

/** A day without anybody happens; so many in a row, where somebody came before, are an outage. */
const SILENT_DAYS = 2;

/** Evidence for a test over mature cohorts of units. */
export async function cohortEvidence(
  subject: Subject,
  measured: readonly Measured[],
  hasSucceeded: boolean,
  sources: LookSources,
): Promise<LookEvidence> {
  const reading = new Reading();
  const { units, days, totals, latest } = await reading.try(
    'units',
    () => readCohorts(subject, measured, sources),
    NO_COHORTS,
  );
  const metrics = measured.map((each) => sumsOf(each, totals));
  const [judged] = measured.map((each) => sumsOf(each, latest).arms);
  const { exposed, mixedUnits } = units;
  const isSilent =
    days.length > 0 &&
    exposed.champion + exposed.challenger + mixedUnits > 0 &&
    judged?.champion.n === 0 &&
    judged.challenger.n === 0;
  return {
    ...(await commonEvidence(subject, sources, reading)),
    exposed,
    mixedUnits,
    ...reading.found(isSilent ? 'silent' : 'complete'),
    incompleteHours: isSilent ? hoursSince(subject) : 0,
    metrics,
    hasSucceeded,
  };
}

async function readCohorts(
  subject: Subject,
  measured: readonly Measured[],
  sources: LookSources,
): Promise<Cohorts> {
  const { promotion, spec, nowMs } = subject;
  const { id, placeSince } = promotion;
  const units = await sources.units.countExposed(id, placeSince);
  const days = matureCohorts(placeSince, nowMs, spec.monitoring.outcomes.maturityHours);
  const byDay: MetricTotals[] = [];
  for (const day of days) byDay.push(await cohortTotals(day, subject, measured, sources));
  const merged = (cohorts: readonly MetricTotals[]) => cohorts.reduce(mergeTotals, {});
  return { units, days, totals: merged(byDay), latest: merged(byDay.slice(-SILENT_DAYS)) };
}

/** Evidence while a pilot lasts: too short for cohorts, so every matured request since it was opened. */
export async function pilotEvidence(
  subject: Subject,
  measured: readonly Measured[],
  sources: LookSources,
): Promise<LookEvidence> {
  const { id, startedAt } = subject.promotion;
  const reading = new Reading();
  const units = await reading.try(
    'exposures',
    () => sources.units.countExposed(id, startedAt),
    NOBODY,
  );
  const totals = await reading.try(
    'units',
    async () => (measured.length > 0 ? totalsSoFar(subject, measured, sources) : {}),
    {},
  );
  return {
    ...(await commonEvidence(subject, sources, reading)),
    ...units,
    ...reading.found('complete'),
    incompleteHours: 0,
    metrics: measured.map((each) => sumsOf(each, totals)),
    hasSucceeded: false,
  };
}

/** A look without units: while in shadow and in the bake, alarms alone speak. */
export async function alarmEvidence(
  subject: Subject,
  sources: Pick<LookSources, 'alarms'>,
  reading = new Reading(),
): Promise<LookEvidence> {
  return {
    days: hoursSince(subject) / 24,
    alarms: await readAlarms(subject, sources, reading),
    exposed: { champion: 0, challenger: 0 },
    mixedUnits: 0,
    ...reading.found('complete'),
    incompleteHours: 0,
    metrics: [],
    hasSucceeded: false,
  };
}

async function commonEvidence(subject: Subject, sources: LookSources, reading: Reading) {
  const { requests, events } = await reading.try(
    'requests',
    () => countRequests(subject, sources),
    NO_REQUESTS,
  );
  const total = requests.champion + requests.challenger;
  const share = total > 0 ? requests.challenger / total : 0;
  return {
    days: hoursSince(subject) / 24,
    alarms: await readAlarms(subject, sources, reading),
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

function readAlarms(
  { promotion, spec }: Subject,
  sources: Pick<LookSources, 'alarms'>,
  reading: Reading,
): Promise<LookEvidence['alarms']> {
  const { kind } = stepOf(spec, promotion);
  return reading.try('alarms', () => alarmsOn(promotion, kind, sources), {
    champion: [],
    challenger: [],
  });
}

const hoursSince = ({ promotion, nowMs }: Subject): number =>
  (nowMs - epochMsOf(promotion.placeSince)) / HOUR_MS;
