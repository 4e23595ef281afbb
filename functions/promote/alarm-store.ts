import {
  type CloudWatchClient,
  GetMetricDataCommand,
  type MetricAlarm,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
import { objectiveAlarmPrefix } from '../contracts/objective-alarm.ts';
import type { Clock } from '../runtime/clock.ts';
import type { MissedObjective, Ringing } from './evidence.ts';

/** Reads the alarms on a model's objectives. */
export class AlarmStore {
  readonly #client: CloudWatchClient;
  readonly #stage: string;
  readonly #clock: Clock;

  constructor(client: CloudWatchClient, stage: string, clock: Clock) {
    this.#client = client;
    this.#stage = stage;
    this.#clock = clock;
  }

  /**
   * Objectives whose alarms ring, by whom they are about. CloudWatch decides alarms one after another, so of
   * what befalls both arms the challenger's may ring first: there the champion's rings as well if its
   * datapoints miss the objective by now.
   */
  async ringing(model: string): Promise<Ringing> {
    const alarms = await this.#alarmsOf(model);
    const of = (suffix: string): MissedObjective[] =>
      [...alarms].flatMap(([name, alarm]) =>
        name.endsWith(suffix) && alarm.StateValue === 'ALARM'
          ? [{ metric: name.slice(0, name.length - suffix.length), sinceMs: since(alarm) }]
          : [],
      );
    const [champion, challenger] = [of('-champion'), of('-challenger')];
    for (const { metric } of challenger) {
      const beside = alarms.get(`${metric}-champion`);
      if (beside && beside.StateValue !== 'ALARM' && (await this.#isMissed(beside)))
        champion.push({ metric, sinceMs: this.#clock.nowMs() });
    }
    // No metric has a dash in its name.
    return { champion, challenger, model: of('').filter(({ metric }) => !metric.includes('-')) };
  }

  /** By metric, and whom it is about: `mae`, `mae-champion`. */
  async #alarmsOf(model: string): Promise<Map<string, MetricAlarm>> {
    const prefix = objectiveAlarmPrefix(this.#stage, model);
    const alarms = new Map<string, MetricAlarm>();
    const pages = paginateDescribeAlarms(
      { client: this.#client },
      { AlarmNamePrefix: prefix, AlarmTypes: ['MetricAlarm'] },
    );
    for await (const { MetricAlarms = [] } of pages)
      for (const alarm of MetricAlarms)
        alarms.set((alarm.AlarmName ?? '').slice(prefix.length), alarm);
    return alarms;
  }

  /** Whether enough of the alarm's latest datapoints are beyond its threshold. */
  async #isMissed(alarm: MetricAlarm): Promise<boolean> {
    const { Metrics: MetricDataQueries = [], Threshold = 0, EvaluationPeriods = 1 } = alarm;
    const periods = MetricDataQueries.map(({ MetricStat, Period }) => MetricStat?.Period ?? Period);
    const periodMs = Math.max(...periods.map((seconds = 0) => seconds)) * 1000;
    const endMs = Math.floor(this.#clock.nowMs() / periodMs) * periodMs;
    // CloudWatch looks two periods further back where some are empty, and one may have ended since it looked.
    const startMs = endMs - (EvaluationPeriods + 3) * periodMs;
    const { MetricDataResults = [] } = await this.#client.send(
      new GetMetricDataCommand({
        MetricDataQueries,
        StartTime: new Date(startMs),
        EndTime: new Date(endMs),
      }),
    );
    const newestFirst = MetricDataResults[0]?.Values ?? [];
    const latest = newestFirst.slice(0, EvaluationPeriods + 1);
    const isBeyond =
      alarm.ComparisonOperator === 'LessThanThreshold'
        ? (value: number) => value < Threshold
        : (value: number) => value > Threshold;
    const wanted = alarm.DatapointsToAlarm ?? EvaluationPeriods;
    // Where periods are empty, an alarm rings by the others if all of them are beyond.
    const beyond = latest.filter(isBeyond).length;
    return beyond > 0 && beyond >= Math.min(wanted, latest.length);
  }
}

/** When the state was taken; `StateUpdatedTimestamp` moves with every change of its reason as well. */
const since = ({ StateTransitionedTimestamp, StateUpdatedTimestamp }: MetricAlarm): number =>
  (StateTransitionedTimestamp ?? StateUpdatedTimestamp)?.getTime() ?? 0;
