import { join } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import {
  type Alarm,
  type CompositeAlarm,
  type MetricAlarm,
  readAlarms,
} from './alarm-declaration.ts';
import {
  type AlarmState,
  type Datapoint,
  evaluateAlarm,
  evaluationRange,
} from './alarm-evaluation.ts';
import { cloudWatchTime, explainState, type StateOfAlarm } from './alarm-messages.ts';
import { DurableMap } from './durable-map.ts';
import type { Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { MetricStore } from './metrics.ts';

export interface AlarmsOptions {
  readonly folder: string;
  readonly clock: Clock;
  readonly metrics: MetricStore;
  /** Called before an evaluation, so that services publish what they know at this moment. */
  readonly beforeEvaluation: (atMs: number) => void;
  /** Takes a change for good; the alarm changes once it has. */
  readonly onChange: (alarm: Alarm, previous: StateOfAlarm, state: StateOfAlarm) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

/** Alarms are looked at on the virtual clock's multiples of this. */
const MOMENT_MS = 10_000;
/** Of a jump of the clock no more moments are made up for: four hours of minutes. */
const MOST_MOMENTS = 1440;

/** The alarms of a template: evaluated when they are due on the virtual clock, their states on disk. */
export class Alarms {
  readonly #options: AlarmsOptions;
  readonly #stopping = new AbortController();
  #level: Level<string, unknown> | undefined;
  #states: DurableMap<StateOfAlarm> | undefined;
  #alarms: ReadonlyMap<string, Alarm> = new Map();
  #running: Promise<void> = Promise.resolve();

  constructor(options: AlarmsOptions) {
    this.#options = options;
  }

  async start(resources: readonly Resource[]): Promise<void> {
    const alarms = readAlarms(resources);
    this.#alarms = new Map(alarms.map((alarm) => [alarm.name, alarm]));
    for (const alarm of alarms)
      if (alarm.kind === 'composite') for (const name of alarm.rule.alarms) this.#find(name);
    this.#level = new Level(join(this.#options.folder, 'alarms'), { valueEncoding: 'json' });
    this.#states = await DurableMap.open<StateOfAlarm>(this.#level, '');
    this.#running = this.#follow();
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#level?.close();
  }

  get all(): readonly Alarm[] {
    return [...this.#alarms.values()];
  }

  /** By name or ARN. @throws ServiceError 404. */
  stateOf(nameOrArn: string): StateOfAlarm {
    const { name } = this.#find(nameOrArn);
    const reason = 'Unchecked: Initial alarm creation';
    return this.#states?.get(name) ?? { value: 'INSUFFICIENT_DATA', reason, atMs: 0 };
  }

  /** Sets a state by hand; the next evaluation decides anew. */
  async setState(nameOrArn: string, state: Omit<StateOfAlarm, 'atMs'>): Promise<void> {
    const alarm = this.#find(nameOrArn);
    if (alarm.kind === 'composite')
      throw new ServiceError(
        501,
        'NotImplemented',
        'SetAlarmState of a composite alarm is not emulated.',
      );
    const atMs = this.#options.clock.nowMs();
    await this.#change(alarm, { ...state, atMs });
    await this.#decideComposites(atMs);
  }

  #find(nameOrArn: string): Alarm {
    const name = nameOrArn.startsWith('arn:') ? (nameOrArn.split(':alarm:')[1] ?? '') : nameOrArn;
    const alarm = this.#alarms.get(name);
    if (alarm) return alarm;
    throw new ServiceError(404, 'ResourceNotFound', `There is no alarm named ${nameOrArn}.`);
  }

  async #follow(): Promise<void> {
    const { clock, onFault } = this.#options;
    const { signal } = this.#stopping;
    let next = (Math.floor(clock.nowMs() / MOMENT_MS) + 1) * MOMENT_MS;
    while (!signal.aborted) {
      try {
        await clock.sleep(next - clock.nowMs(), signal);
      } catch {
        // Stopped: the signal is the only thing a sleep rejects with.
        return;
      }
      const nowMs = clock.nowMs();
      next = Math.max(next, (Math.floor(nowMs / MOMENT_MS) - MOST_MOMENTS + 1) * MOMENT_MS);
      for (; next <= nowMs && !signal.aborted; next += MOMENT_MS) {
        await this.#evaluateAt(next).catch(onFault);
        // Making up for a jump is long work: others get their turn.
        await setImmediate();
      }
    }
  }

  async #evaluateAt(atMs: number): Promise<void> {
    this.#options.beforeEvaluation(atMs);
    for (const alarm of this.#alarms.values())
      if (alarm.kind === 'metric' && (atMs / 1000) % alarm.everySeconds === 0)
        await this.#decide(alarm, atMs);
    await this.#decideComposites(atMs);
  }

  async #decide(alarm: MetricAlarm, atMs: number): Promise<void> {
    const current = this.stateOf(alarm.name);
    const { state, evaluated } = evaluateAlarm(alarm.rule, this.#range(alarm, atMs), current.value);
    if (state === current.value) return;
    await this.#change(alarm, explainState(alarm, current.value, state, evaluated, atMs));
  }

  /** The datapoints of the periods that are over. */
  #range({ queries, rule, periodSeconds }: MetricAlarm, atMs: number): readonly Datapoint[] {
    const periodMs = periodSeconds * 1000;
    const endMs = Math.floor(atMs / periodMs) * periodMs;
    const startMs = endMs - evaluationRange(rule) * periodMs;
    const [points] = queries.answer(this.#options.metrics, { startMs, endMs }).values();
    return Array.from({ length: evaluationRange(rule) }, (_, at) => {
      const pointMs = startMs + at * periodMs;
      return { atMs: pointMs, value: points?.get(pointMs) };
    });
  }

  /** Until none changes: a composite may name another. */
  async #decideComposites(atMs: number): Promise<void> {
    const composites = this.all.filter((alarm) => alarm.kind === 'composite');
    for (let round = 0; round < composites.length; round += 1) {
      let hasChanged = false;
      for (const composite of composites)
        if (await this.#decideComposite(composite, atMs)) hasChanged = true;
      if (!hasChanged) return;
    }
  }

  async #decideComposite(composite: CompositeAlarm, atMs: number): Promise<boolean> {
    const state: AlarmState = composite.rule.holds((name) => this.stateOf(name).value)
      ? 'ALARM'
      : 'OK';
    if (state === this.stateOf(composite.name).value) return false;
    const triggering = composite.rule.alarms.map((name) => ({
      arn: this.#find(name).arn,
      state: {
        value: this.stateOf(name).value,
        timestamp: cloudWatchTime(this.stateOf(name).atMs),
      },
    }));
    const [first] = triggering;
    await this.#change(composite, {
      value: state,
      reason: `${first?.arn} transitioned to ${first?.state.value} at ${first?.state.timestamp}`,
      reasonData: JSON.stringify({ triggeringAlarms: triggering }),
      atMs,
    });
    return true;
  }

  async #change(alarm: Alarm, state: StateOfAlarm): Promise<void> {
    const previous = this.stateOf(alarm.name);
    // Told first: after a crash between the two the change is told again, not forgotten.
    if (previous.value !== state.value) await this.#options.onChange(alarm, previous, state);
    await this.#states?.set(alarm.name, state);
  }
}
