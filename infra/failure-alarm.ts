import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { Duration } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';

/** An alarm on what must not happen at all. Such metrics exist only while it does: silence is the good case. */
export const failureAlarm = (
  scope: Construct,
  id: string,
  metric: IMetric,
  description: string,
): Alarm =>
  new Alarm(scope, id, {
    metric,
    alarmDescription: description,
    threshold: 0,
    comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
    evaluationPeriods: 1,
    treatMissingData: TreatMissingData.NOT_BREACHING,
  });

/** What a function could not do, whether it failed or was not let to start. */
export const functionFailures = (watched: IFunction): IMetric =>
  new MathExpression({
    expression: 'errors + throttles',
    usingMetrics: {
      errors: watched.metricErrors({ period: Duration.minutes(1) }),
      throttles: watched.metricThrottles({ period: Duration.minutes(1) }),
    },
    period: Duration.minutes(1),
    label: 'errors and throttles',
  });
