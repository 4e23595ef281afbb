import {
  type CloudWatchClient,
  type MetricAlarm,
  paginateDescribeAlarms,
} from '@aws-sdk/client-cloudwatch';
import { objectiveAlarmPrefix } from '../contracts/objective-alarm.ts';
import type { Ringing } from './evidence.ts';

/** Reads the alarms on a model's objectives. */
export class AlarmStore {
  readonly #client: CloudWatchClient;
  readonly #stage: string;

  constructor(client: CloudWatchClient, stage: string) {
    this.#client = client;
    this.#stage = stage;
  }

  /** Objectives whose alarms ring, by whom they are about. */
  async ringing(model: string): Promise<Ringing> {
    const prefix = objectiveAlarmPrefix(this.#stage, model);
    const ringing: { readonly name: string; readonly sinceMs: number }[] = [];
    const pages = paginateDescribeAlarms(
      { client: this.#client },
      { AlarmNamePrefix: prefix, StateValue: 'ALARM', AlarmTypes: ['MetricAlarm'] },
    );
    for await (const { MetricAlarms = [] } of pages)
      for (const alarm of MetricAlarms)
        ringing.push({ name: (alarm.AlarmName ?? '').slice(prefix.length), sinceMs: since(alarm) });
    const of = (arm: string) =>
      ringing
        .filter(({ name }) => name.endsWith(`-${arm}`))
        .map(({ name, sinceMs }) => ({ metric: name.slice(0, -arm.length - 1), sinceMs }));
    return {
      champion: of('champion'),
      challenger: of('challenger'),
      // No metric has a dash in its name.
      model: ringing
        .filter(({ name }) => !name.includes('-'))
        .map(({ name, sinceMs }) => ({ metric: name, sinceMs })),
    };
  }
}

/** When the state was taken; `StateUpdatedTimestamp` moves with every change of its reason as well. */
const since = ({ StateTransitionedTimestamp, StateUpdatedTimestamp }: MetricAlarm): number =>
  (StateTransitionedTimestamp ?? StateUpdatedTimestamp)?.getTime() ?? 0;
