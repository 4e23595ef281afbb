import type { Clock } from '../clock.ts';
import type { Alarm } from './alarm-declaration.ts';
import { ALARM_TYPES } from './alarm-declaration.ts';
import {
  lambdaActionPayload,
  type StateOfAlarm,
  stateChangeEvent,
  topicActionMessage,
} from './alarm-messages.ts';
import { alarmOperations } from './alarm-operations.ts';
import { Alarms } from './alarms.ts';
import { dispatch, jsonError } from './aws-json.ts';
import type { Deliver } from './deliveries.ts';
import type { Emulator, Place, Reply } from './emulator.ts';
import { metricOperations } from './metric-operations.ts';
import type { MetricStore } from './metrics.ts';

export interface CloudWatchOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly metrics: MetricStore;
  /** Publishes what services know at a moment, such as how long a queue is. */
  readonly beforeEvaluation: (atMs: number) => void;
  /** Puts an event on the default bus. */
  readonly putEvent: (event: object) => Promise<void>;
  /** Invokes a function, or publishes to a topic. */
  readonly deliver: Deliver;
  readonly onFault: (fault: unknown) => void;
}

/** The emulator with what the runner asks of it. */
export interface CloudWatch extends Emulator {
  readonly alarms: Alarms;
}

/** CloudWatch's metrics and alarms. */
export function createCloudWatch(options: CloudWatchOptions): CloudWatch {
  const { folder, place, clock, metrics, beforeEvaluation, putEvent, deliver, onFault } = options;

  async function onChange(alarm: Alarm, previous: StateOfAlarm, state: StateOfAlarm) {
    await putEvent(stateChangeEvent(alarm, previous, state, place));
    if (!alarm.actionsEnabled) return;
    for (const action of alarm.actions[state.value]) {
      const isFunction = action.startsWith('arn:aws:lambda:');
      const render = isFunction ? lambdaActionPayload : topicActionMessage;
      const service = `${isFunction ? 'lambda.alarms.' : ''}cloudwatch.amazonaws.com`;
      // As CloudWatch, which notes a failed action in the alarm's history and goes on.
      await deliver({
        targetArn: action,
        payload: JSON.stringify(render(alarm, previous, state, place)),
        sender: { principal: { kind: 'service', service }, sourceArn: alarm.arn },
      }).catch(onFault);
    }
  }

  const alarms = new Alarms({
    folder,
    clock,
    metrics,
    beforeEvaluation(atMs) {
      metrics.expire(atMs);
      beforeEvaluation(atMs);
    },
    onChange,
    onFault,
  });
  return {
    signingName: 'monitoring',
    types: ALARM_TYPES,
    alarms,
    async start(resources) {
      await metrics.open(folder, onFault);
      await alarms.start(resources);
    },
    handle(call) {
      const operations = { ...metricOperations(metrics, clock), ...alarmOperations(alarms) };
      const protocol = { targetPrefix: 'GraniteServiceVersion20100801', version: '1.0' } as const;
      return dispatch({ name: 'CloudWatch', ...protocol, operations }, call);
    },
    renderError(error): Reply {
      const reply = jsonError(error);
      return {
        ...reply,
        headers: { ...reply.headers, 'x-amzn-query-error': `${error.code};Sender` },
      };
    },
    async stop() {
      await alarms.stop();
      await metrics.close();
    },
  };
}
