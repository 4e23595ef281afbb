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

  /** Objectives whose alarms began to ring after an instant, by whom they are about. */
  async ringing(model: string, sinceMs: number): Promise<Ringing> {
    const prefix = objectiveAlarmPrefix(this.#stage, model);
    const names: string[] = [];
    const pages = paginateDescribeAlarms(
      { client: this.#client },
      { AlarmNamePrefix: prefix, StateValue: 'ALARM', AlarmTypes: ['MetricAlarm'] },
    );
    for await (const { MetricAlarms = [] } of pages)
      names.push(
        ...MetricAlarms.filter((alarm) => beganAfter(alarm, sinceMs)).map(({ AlarmName = '' }) =>
          AlarmName.slice(prefix.length),
        ),
      );
    const of = (arm: string) =>
      names
        .filter((name) => name.endsWith(`-${arm}`))
        .map((name) => name.slice(0, -arm.length - 1));
    return {
      champion: of('champion'),
      challenger: of('challenger'),
      // No metric has a dash in its name.
      model: names.filter((name) => !name.includes('-')),
    };
  }
}

/** When the state was taken; `StateUpdatedTimestamp` moves with every change of its reason as well. */
const beganAfter = (alarm: MetricAlarm, sinceMs: number): boolean => {
  const began = alarm.StateTransitionedTimestamp ?? alarm.StateUpdatedTimestamp;
  return began !== undefined && began.getTime() >= sinceMs;
};
