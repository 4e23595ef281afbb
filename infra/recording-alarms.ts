import {
  Alarm,
  ComparisonOperator,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Duration } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import { RECORDING_METRICS } from '../functions/contracts/recording-metric.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../functions/contracts/serving-metric.ts';
import { DEFAULTS } from './config.ts';
import { failureAlarm } from './failure-alarm.ts';

const PERIOD = Duration.minutes(15);

/** Rows that were answered and are not recorded: a subscription that is gone, a recorder that is stuck. */
export function unrecordedAlarm(scope: Construct, model: string): Alarm {
  const sum = (metricName: string) =>
    new Metric({
      namespace: METRIC_NAMESPACE,
      metricName,
      dimensionsMap: { Model: model },
      statistic: Stats.SUM,
      period: PERIOD,
    });
  return new Alarm(scope, `Unrecorded-${model}`, {
    alarmDescription: `Predictions of ${model} were answered and are not recorded.`,
    metric: new MathExpression({
      // What is missing counts as 0, so a recorder that is silent leaves all rows unrecorded.
      expression: 'IF(answered > 0, (answered - recorded) / answered)',
      usingMetrics: {
        answered: sum(SERVING_METRICS.rows.name),
        recorded: sum(RECORDING_METRICS.recordedRows.name),
      },
      period: PERIOD,
      label: 'share of answered rows not recorded',
    }),
    threshold: DEFAULTS.unrecordedShare,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 2,
    // Nothing was answered, so nothing can be missing.
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}

/** Values that a shadow, a replay or a snapshot will miss. */
export const keysMissingAlarm = (scope: Construct, model: string): Alarm =>
  failureAlarm(
    scope,
    `KeysMissing-${model}`,
    new Metric({
      namespace: METRIC_NAMESPACE,
      metricName: SERVING_METRICS.keysMissing.name,
      dimensionsMap: { Model: model },
      statistic: Stats.SUM,
      period: Duration.minutes(1),
    }),
    `${model} answered, and left out of its log what only KMS could protect.`,
  );

/** What waits to be recorded, and for whom. */
export interface RecordingQueues {
  readonly parked: IQueue;
  readonly deliveries: IQueue;
  readonly work: IQueue;
}

export function recordingAlarms(
  scope: Construct,
  { parked, deliveries, work }: RecordingQueues,
): void {
  failureAlarm(
    scope,
    'ParkedRecords',
    parked.metricApproximateNumberOfMessagesVisible(),
    'Something could not be recorded: look at it, then POST /v1/records/redrive.',
  );
  failureAlarm(
    scope,
    'FailedDeliveries',
    deliveries.metricApproximateNumberOfMessagesVisible(),
    'A delivery of the log could not be recorded: POST /v1/records/redrive.',
  );
  new Alarm(scope, 'RecordsWait', {
    metric: work.metricApproximateAgeOfOldestMessage(),
    alarmDescription: 'What failed to be recorded is not being tried again.',
    threshold: DEFAULTS.recordVisibility.toSeconds() * DEFAULTS.recordAttempts,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });
}
