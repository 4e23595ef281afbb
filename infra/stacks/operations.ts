import {
  Alarm,
  ComparisonOperator,
  type IMetric,
  MathExpression,
  Metric,
  Stats,
  TreatMissingData,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Duration, Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import type { Config } from '../config.ts';
import type { DeliveryStack } from './delivery.ts';

/** Alarms on what must not happen unseen. */
export class OperationsStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    config: Config,
    delivery: DeliveryStack,
    specs: readonly ModelSpec[],
  ) {
    super(scope, id, { env: { region: config.region }, description: 'Slipway: alarms' });
    const { deadLetters, api, servers } = delivery;
    this.#alarm(
      'DeadLetters',
      deadLetters.metricApproximateNumberOfMessagesVisible(),
      'An asynchronous event failed for good and waits to be redriven.',
    );
    this.#alarm(
      'ServerErrors',
      api.rest.metricServerError({ period: Duration.minutes(1) }),
      'Callers got a 5xx from the API.',
    );
    servers.forEach((server, at) => {
      const usingMetrics = {
        errors: server.metricErrors({ period: Duration.minutes(1) }),
        throttles: server.metricThrottles({ period: Duration.minutes(1) }),
      };
      const failures = new MathExpression({
        expression: 'errors + throttles',
        usingMetrics,
        period: Duration.minutes(1),
        label: 'errors and throttles',
      });
      this.#alarm(
        `Server${at}-${server.node.scope?.node.id ?? ''}`,
        failures,
        `${server.node.path} failed or was throttled.`,
      );
    });
    for (const { name } of specs)
      this.#alarm(
        `Failures-${name}`,
        new Metric({
          namespace: METRIC_NAMESPACE,
          metricName: SERVING_METRICS.failures.name,
          dimensionsMap: { Model: name },
          statistic: Stats.SUM,
          period: Duration.minutes(1),
        }),
        `${name} could not answer what it was asked rightly.`,
      );
  }

  /** These metrics exist only while something happens, so their absence is the good case. */
  #alarm(id: string, metric: IMetric, description: string): void {
    new Alarm(this, id, {
      metric,
      alarmDescription: description,
      threshold: 0,
      comparisonOperator: ComparisonOperator.GREATER_THAN_THRESHOLD,
      evaluationPeriods: 1,
      treatMissingData: TreatMissingData.NOT_BREACHING,
    });
  }
}
