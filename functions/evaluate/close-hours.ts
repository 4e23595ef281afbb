import { type HourClosed, MONITORING_EVENTS } from '../contracts/evaluation-events.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { componentMetrics } from '../contracts/quality-metric.ts';
import { WINDOW_METRICS } from '../contracts/window-metric.ts';
import { mergeHistograms } from '../measures/score-histogram.ts';
import type { JoinTable } from '../record/join-table.ts';
import type { WorkQueueStore } from '../record/work-queue-store.ts';
import { type Clock, epochMsOf } from '../runtime/clock.ts';
import { joinObjects, metricWriter } from '../runtime/embedded-metrics.ts';
import type { EventPublisher } from '../runtime/event-publisher.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import type { ClosedHour, ClosedHourTable } from './closed-hour-table.ts';
import { metricsOfHour, type WindowMetric, windowMetrics } from './hour-metrics.ts';
import { HourTally, type HourTotals, hourBefore, openHours, windowFrom } from './matured-hour.ts';

export interface HourCloser {
  readonly specs: readonly ModelSpec[];
  readonly joins: Pick<JoinTable, 'cohort'>;
  readonly hours: ClosedHourTable;
  /** Of recording, which alone writes scores. */
  readonly work: Pick<WorkQueueStore, 'send'>;
  readonly events: Pick<EventPublisher, 'publish'>;
  readonly clock: Clock;
  readonly writeLine: (line: string) => void;
}

const writeWindow = metricWriter<WindowMetric>(WINDOW_METRICS);

/** What a row's silence means is known at maturity only, and only then is the hour published. */
const silenceMeansNegative = ({ monitoring, task }: ModelSpec): boolean =>
  monitoring.outcomes.silenceMeans === 'negative' && task.kind !== 'ranking';

/**
 * Closes the hours of a model that have matured, and tells of them. Each is closed by one run, which alone
 * publishes its metrics; what is recorded or corrected later restates the join table and publishes nothing.
 * @throws when no spec has the name; and after all hours were seen to, when closed ones could not be told of,
 * and once when others can be closed no more.
 */
export async function closeHours(model: string, closer: HourCloser): Promise<void> {
  const spec = closer.specs.find(({ name }) => name === model);
  if (!spec) throw new Error(`no model is named "${model}"`);
  const closedUpTo = await closer.hours.closedUpTo(model);
  const { hours, forgotten } = openHours(closer.clock.nowMs(), spec, closedUpTo);
  const { done, untold } = await closeDue(spec, hours, closer);
  const open = hours.find((hour) => !done.has(hour));
  const reached = open === undefined ? hours.at(-1) : hourBefore(open);
  if (reached !== undefined && reached !== closedUpTo)
    await closer.hours.setClosedUpTo(model, reached);
  const problems = [
    ...(forgotten
      ? [
          `the hours ${forgotten.first} to ${forgotten.last} of ${model} were not closed in time: their predictions are no longer all in the join table, so nobody judges them as a whole any more`,
        ]
      : []),
    ...[...untold].map(
      ([hour, reason]) =>
        `the hour ${hour} of ${model} is closed, and the next run tells of it: ${reason}`,
    ),
  ];
  if (problems.length > 0) throw new Error(problems.join('; '));
}

interface Closing {
  /** Hours that are closed and told of. */
  readonly done: ReadonlySet<string>;
  /** Hours that are closed and could not be told of, with the reason: they stay due. */
  readonly untold: ReadonlyMap<string, string>;
}

/** The bus being away keeps no hour from being asked for, closed and measured. */
async function closeDue(
  spec: ModelSpec,
  hours: readonly string[],
  closer: HourCloser,
): Promise<Closing> {
  const { name } = spec;
  const [first, last] = [hours[0], hours.at(-1)];
  const done = new Set<string>();
  const untold = new Map<string, string>();
  if (first === undefined || last === undefined) return { done, untold };
  const tellOf = async (hour: string): Promise<void> => {
    try {
      await tell(name, hour, closer);
      done.add(hour);
    } catch (error) {
      untold.set(hour, String(error));
    }
  };
  const closed = await closer.hours.closed(name, first, last);
  for (const [hour, isTold] of closed)
    if (isTold) done.add(hour);
    else await tellOf(hour);
  const due = hours.filter((hour) => !closed.has(hour)).slice(0, LIMITS.hoursPerRun);
  for (const hour of due) {
    const fact = await closeHour(spec, hour, closer);
    if (fact?.predictions === 0) done.add(hour);
    else if (fact) await tellOf(hour);
  }
  return { done, untold };
}

/** @returns what is to be told of it, where this run closed it; of an hour without predictions nothing is. */
async function closeHour(
  spec: ModelSpec,
  hour: string,
  closer: HourCloser,
): Promise<HourClosed | undefined> {
  const tally = await tallyOf(spec, hour, closer);
  if (
    spec.monitoring.outcomes.silenceMeans === 'negative' &&
    !(await isSettled(spec, hour, tally, closer))
  )
    return undefined;
  const closed = await judge(spec, hour, tally.totals, closer);
  if (!(await closer.hours.close(closed))) return undefined;
  if (closed.fact.predictions > 0) publish(spec, closed, closer);
  return closed.fact;
}

async function tallyOf({ name, task }: ModelSpec, hour: string, { joins }: HourCloser) {
  const tally = new HourTally({ task });
  const shards = Array.from({ length: LIMITS.keyShards }, (_, shard) => shard);
  await inParallel(shards, LIMITS.recordConcurrency, async (shard) => {
    let page = await joins.cohort(name, hour, shard);
    for (const entry of page.entries) tally.add(entry);
    while (page.nextKey) {
      page = await joins.cohort(name, hour, shard, page.nextKey);
      for (const entry of page.entries) tally.add(entry);
    }
  });
  return tally;
}

/**
 * Whether silence has been given its meaning: recording is asked once, and then waited for, but not for ever:
 * a row of which the model gave no number never gets a score, and a declined one only if somebody looked.
 */
async function isSettled(
  { name, task }: ModelSpec,
  hour: string,
  tally: HourTally,
  { hours, work, clock }: HourCloser,
): Promise<boolean> {
  const askedAt = await hours.askedAt(name, hour);
  if (askedAt)
    return (
      tally.unscored.length === 0 || clock.nowMs() >= epochMsOf(askedAt) + LIMITS.hourPatienceMs
    );
  // A ranking has a score from its first click on, which is final only once nobody can click any more.
  const open = task.kind === 'ranking' ? tally.predictionIds : tally.unscored;
  if (open.length === 0) return true;
  await work.send(open.map((predictionId) => ({ kind: 'matured', predictionId })));
  await hours.putAsked(name, hour, clock.now());
  return false;
}

async function judge(
  spec: ModelSpec,
  hour: string,
  totals: HourTotals,
  { hours, clock }: HourCloser,
): Promise<ClosedHour> {
  const { arms, predictions, rows, scored, labelled, hidden } = totals;
  const before =
    spec.task.kind === 'classification'
      ? await hours.histograms(spec.name, windowFrom(hour), hour)
      : [];
  const own = Object.values(arms).map(({ histogram }) => histogram);
  const window = windowMetrics(
    spec,
    totals,
    mergeHistograms([...before, ...own]),
    `${spec.name} ${hour}`,
  );
  const ofHour = metricsOfHour(spec, totals);
  const fact: HourClosed = {
    at: clock.now(),
    model: spec.name,
    hour,
    predictions,
    rows,
    scored,
    labelled,
    ...(hidden > 0 && { hidden }),
    metrics: { ...ofHour.values, ...window.values },
    undefinedMetrics: { ...ofHour.reasons, ...window.reasons },
  };
  return { fact, arms };
}

/** At the time of closing: CloudWatch takes nothing that is two weeks old, and fraud matures in two weeks. */
function publish(spec: ModelSpec, { fact, arms }: ClosedHour, closer: HourCloser): void {
  const { clock, writeLine } = closer;
  const { hour, undefinedMetrics, rows, scored } = fact;
  const resolution = spec.monitoring.cadence === 'second' ? 1 : 60;
  const told = { kind: 'hour-closed', hour, rows, scored };
  if (silenceMeansNegative(spec)) {
    const write = metricWriter(componentMetrics(spec.task));
    for (const [Arm, { sums }] of Object.entries(arms))
      writeLine(
        joinObjects(
          write(clock.nowMs(), { Model: spec.name, Arm }, sums, resolution),
          JSON.stringify(told),
        ),
      );
  }
  const gauges = Object.fromEntries(
    Object.entries(fact.metrics).filter(([name]) => Object.hasOwn(WINDOW_METRICS, name)),
  );
  writeLine(
    joinObjects(
      writeWindow(clock.nowMs(), { Model: spec.name }, gauges, 60),
      JSON.stringify({ ...told, undefinedMetrics }),
    ),
  );
}

/** At least once: a run that dies in between is made up for by the next. */
async function tell(model: string, hour: string, { hours, events }: HourCloser): Promise<void> {
  const closed = await hours.find(model, hour);
  if (!closed) return;
  await events.publish([{ type: MONITORING_EVENTS.hourClosed, detail: closed.fact }]);
  await hours.setTold(model, hour);
}
