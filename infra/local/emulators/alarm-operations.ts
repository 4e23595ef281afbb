import * as z from 'zod';
import type { Alarm } from './alarm-declaration.ts';
import type { Alarms } from './alarms.ts';
import { type Operation, parseInput } from './aws-json.ts';

const DescribeAlarmsInput = z.object({
  AlarmNames: z.array(z.string()).max(100).optional(),
  AlarmNamePrefix: z.string().optional(),
  AlarmTypes: z.array(z.enum(['MetricAlarm', 'CompositeAlarm'])).default(['MetricAlarm']),
  StateValue: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']).optional(),
});
const SetAlarmStateInput = z.object({
  AlarmName: z.string(),
  StateValue: z.enum(['OK', 'ALARM', 'INSUFFICIENT_DATA']),
  StateReason: z.string(),
  StateReasonData: z.string().optional(),
});

/** What CloudWatch does with alarms. */
export function alarmOperations(alarms: Alarms): Readonly<Record<string, Operation>> {
  return {
    async DescribeAlarms(request, call) {
      const input = parseInput(DescribeAlarmsInput, request);
      call.authorize('cloudwatch:DescribeAlarms', '*');
      const found = alarms.all.filter(
        ({ name }) =>
          (input.AlarmNames?.includes(name) ?? true) &&
          name.startsWith(input.AlarmNamePrefix ?? '') &&
          (input.StateValue === undefined || alarms.stateOf(name).value === input.StateValue),
      );
      const shown = (kind: Alarm['kind'], type: 'MetricAlarm' | 'CompositeAlarm') =>
        input.AlarmTypes.includes(type)
          ? found.filter((alarm) => alarm.kind === kind).map((alarm) => describe(alarm, alarms))
          : [];
      return {
        MetricAlarms: shown('metric', 'MetricAlarm'),
        CompositeAlarms: shown('composite', 'CompositeAlarm'),
      };
    },
    async SetAlarmState(request, call) {
      const input = parseInput(SetAlarmStateInput, request);
      const alarm = alarms.all.find(({ name }) => name === input.AlarmName);
      call.authorize('cloudwatch:SetAlarmState', alarm?.arn ?? '*');
      await alarms.setState(input.AlarmName, {
        value: input.StateValue,
        reason: input.StateReason,
        ...(input.StateReasonData !== undefined && { reasonData: input.StateReasonData }),
      });
      return {};
    },
  };
}

function describe(alarm: Alarm, alarms: Alarms): object {
  const state = alarms.stateOf(alarm.name);
  return {
    AlarmName: alarm.name,
    AlarmArn: alarm.arn,
    AlarmDescription: alarm.description,
    ActionsEnabled: alarm.actionsEnabled,
    AlarmActions: alarm.actions.ALARM,
    OKActions: alarm.actions.OK,
    InsufficientDataActions: alarm.actions.INSUFFICIENT_DATA,
    StateValue: state.value,
    StateReason: state.reason,
    StateReasonData: state.reasonData,
    StateUpdatedTimestamp: state.atMs / 1000,
    StateTransitionedTimestamp: state.atMs / 1000,
    ...(alarm.kind === 'composite'
      ? { AlarmRule: alarm.ruleText }
      : {
          Metrics: alarm.declaredQueries,
          EvaluationPeriods: alarm.rule.evaluationPeriods,
          DatapointsToAlarm: alarm.rule.datapointsToAlarm,
          Threshold: alarm.rule.threshold,
          ComparisonOperator: alarm.rule.comparison,
          TreatMissingData: alarm.rule.missingData,
        }),
  };
}
