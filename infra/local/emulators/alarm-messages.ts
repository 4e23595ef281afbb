import { randomUUID } from 'node:crypto';
import type { Alarm, MetricAlarm } from './alarm-declaration.ts';
import type { AlarmState, Datapoint } from './alarm-evaluation.ts';
import type { Place } from './emulator.ts';
import { dimensionsOf } from './metric-queries.ts';

/** A state and why, as it is kept and shown. */
export interface StateOfAlarm {
  readonly value: AlarmState;
  readonly reason: string;
  /** JSON. */
  readonly reasonData?: string;
  readonly atMs: number;
}

/** CloudWatch writes `+0000` where ISO 8601 has `Z`. */
export const cloudWatchTime = (atMs: number): string =>
  new Date(atMs).toISOString().replace('Z', '+0000');

const OPERATORS = {
  GreaterThanOrEqualToThreshold: 'greater than or equal to',
  GreaterThanThreshold: 'greater than',
  LessThanThreshold: 'less than',
  LessThanOrEqualToThreshold: 'less than or equal to',
} as const;

/** Why a metric alarm is in a state, in CloudWatch's words and data. */
export function explainState(
  alarm: MetricAlarm,
  previous: AlarmState,
  value: AlarmState,
  evaluated: readonly Datapoint[],
  atMs: number,
): StateOfAlarm {
  const { rule, periodSeconds, declaredQueries } = alarm;
  const [stat] = declaredQueries.flatMap(({ MetricStat }) => MetricStat?.Stat ?? []);
  const reasonData = JSON.stringify({
    version: '1.0',
    queryDate: cloudWatchTime(atMs),
    ...(evaluated[0] && { startDate: cloudWatchTime(evaluated[0].atMs) }),
    ...(declaredQueries.length === 1 && stat !== undefined && { statistic: stat }),
    period: periodSeconds,
    recentDatapoints: evaluated.map((point) => point.value),
    threshold: rule.threshold,
    evaluatedDatapoints: evaluated
      .toReversed()
      .map((point) => ({ timestamp: cloudWatchTime(point.atMs), value: point.value })),
  });
  return { value, reason: reasonOf(alarm, previous, value, evaluated), reasonData, atMs };
}

function reasonOf(
  { rule }: MetricAlarm,
  previous: AlarmState,
  value: AlarmState,
  evaluated: readonly Datapoint[],
): string {
  const { evaluationPeriods, datapointsToAlarm, threshold, comparison } = rule;
  const unknown = evaluationPeriods - evaluated.length;
  if (value === 'INSUFFICIENT_DATA')
    return `Insufficient Data: ${plural(unknown, 'datapoint was', 'datapoints were')} unknown.`;
  if (evaluated.length === 0)
    return `Threshold Crossed: no datapoints were received for ${plural(evaluationPeriods, 'period', 'periods')} and ${plural(evaluationPeriods, 'missing datapoint was', 'missing datapoints were')} treated as [${value === 'ALARM' ? 'Breaching' : 'NonBreaching'}].`;
  const points = evaluated.map((point) => `${point.value} (${dateInReason(point.atMs)})`);
  const minimum =
    previous === 'ALARM' && value === 'OK'
      ? `${evaluationPeriods - datapointsToAlarm + 1} datapoints for ALARM -> OK`
      : `${datapointsToAlarm} datapoints for OK -> ALARM`;
  return `Threshold Crossed: ${evaluated.length} out of the last ${evaluationPeriods} datapoints [${points.join(', ')}] ${value === 'ALARM' ? 'was' : 'was not'} ${OPERATORS[comparison]} the threshold (${threshold}) (minimum ${minimum.replace(/^1 datapoints/, '1 datapoint')} transition).`;
}

const plural = (count: number, one: string, many: string): string =>
  `${count} ${count === 1 ? one : many}`;

/** `02/10/19 16:59:00`: day, month, year. */
function dateInReason(atMs: number): string {
  const [date = '', time = ''] = new Date(atMs).toISOString().split(/[T.]/);
  const [year = '', month, day] = date.split('-');
  return `${day}/${month}/${year.slice(2)} ${time}`;
}

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
export function stateChangeEvent(
  alarm: Alarm,
  previous: StateOfAlarm,
  state: StateOfAlarm,
  { account, region }: Place,
): object {
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'CloudWatch Alarm State Change',
    source: 'aws.cloudwatch',
    account,
    time: `${new Date(state.atMs).toISOString().slice(0, 19)}Z`,
    region,
    resources: [alarm.arn],
    detail: {
      alarmName: alarm.name,
      state: shownState(state),
      previousState: shownState(previous),
      configuration: configurationOf(alarm),
    },
  };
}

/** What an alarm's action invokes a function with. */
export function lambdaActionPayload(
  alarm: Alarm,
  previous: StateOfAlarm,
  state: StateOfAlarm,
  { account, region }: Place,
): object {
  return {
    source: 'aws.cloudwatch',
    alarmArn: alarm.arn,
    accountId: account,
    time: cloudWatchTime(state.atMs),
    region,
    alarmData: {
      alarmName: alarm.name,
      state: shownState(state),
      previousState: shownState(previous),
      configuration: configurationOf(alarm),
    },
  };
}

/** What an alarm's action publishes to a topic. */
export function topicActionMessage(
  alarm: Alarm,
  previous: StateOfAlarm,
  state: StateOfAlarm,
  { account, region }: Place,
): object {
  return {
    AlarmName: alarm.name,
    AlarmDescription: alarm.description ?? null,
    AWSAccountId: account,
    NewStateValue: state.value,
    NewStateReason: state.reason,
    StateChangeTime: cloudWatchTime(state.atMs),
    Region: region,
    AlarmArn: alarm.arn,
    OldStateValue: previous.value,
    OKActions: alarm.actions.OK,
    AlarmActions: alarm.actions.ALARM,
    InsufficientDataActions: alarm.actions.INSUFFICIENT_DATA,
    ...(alarm.kind === 'composite'
      ? { AlarmRule: alarm.ruleText }
      : {
          Trigger: {
            Period: alarm.periodSeconds,
            EvaluationPeriods: alarm.rule.evaluationPeriods,
            DatapointsToAlarm: alarm.rule.datapointsToAlarm,
            ComparisonOperator: alarm.rule.comparison,
            Threshold: alarm.rule.threshold,
            TreatMissingData: alarm.rule.missingData,
            Metrics: alarm.declaredQueries,
          },
        }),
  };
}

const shownState = ({ value, reason, reasonData, atMs }: StateOfAlarm): object => ({
  value,
  reason,
  ...(reasonData !== undefined && { reasonData }),
  timestamp: cloudWatchTime(atMs),
});

function configurationOf(alarm: Alarm): object {
  const description = alarm.description !== undefined && { description: alarm.description };
  if (alarm.kind === 'composite') return { alarmRule: alarm.ruleText, ...description };
  return {
    ...description,
    metrics: alarm.declaredQueries.map(({ Id, MetricStat, Expression, Label, ReturnData }) => ({
      id: Id,
      ...(MetricStat && {
        metricStat: {
          metric: {
            namespace: MetricStat.Metric.Namespace,
            name: MetricStat.Metric.MetricName,
            dimensions: dimensionsOf(MetricStat.Metric.Dimensions),
          },
          period: MetricStat.Period,
          stat: MetricStat.Stat,
          unit: MetricStat.Unit,
        },
      }),
      ...(Expression !== undefined && { expression: Expression }),
      ...(Label !== undefined && { label: Label }),
      returnData: ReturnData,
    })),
  };
}
