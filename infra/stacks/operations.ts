import { Metric, Stats } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration, Stack } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import { needsLogKeys } from '../capabilities/serve.ts';
import type { Config } from '../config.ts';
import { failureAlarm, functionFailures } from '../failure-alarm.ts';
import { OverviewDashboard } from '../overview-dashboard.ts';
import { keysMissingAlarm, recordingAlarms, unrecordedAlarm } from '../recording-alarms.ts';
import type { DeliveryStack } from './delivery.ts';

/**
 * Alarms on what must not happen unseen. It refers to nothing in a model's nested stack: CloudFormation
 * would then refuse to delete the model.
 */
export class OperationsStack extends Stack {
  constructor(
    scope: Construct,
    id: string,
    config: Config,
    delivery: DeliveryStack,
    specs: readonly ModelSpec[],
  ) {
    super(scope, id, { env: { region: config.region }, description: 'Slipway: alarms, overview' });
    const { deadLetters, api, sharedFunctions } = delivery;
    failureAlarm(
      this,
      'DeadLetters',
      deadLetters.metricApproximateNumberOfMessagesVisible(),
      'An asynchronous event failed for good and waits to be redriven.',
    );
    failureAlarm(
      this,
      'ServerErrors',
      api.rest.metricServerError({ period: Duration.minutes(1) }),
      'Callers got a 5xx from the API.',
    );
    recordingAlarms(this, delivery.recording.queues);
    for (const shared of sharedFunctions)
      failureAlarm(
        this,
        `${shared.node.id}Fails`,
        functionFailures(shared),
        `${shared.node.path} failed or was throttled.`,
      );
    new OverviewDashboard(this, 'Overview', config, specs);
    for (const spec of specs) {
      const { name } = spec;
      unrecordedAlarm(this, name);
      if (needsLogKeys(spec)) keysMissingAlarm(this, name);
      failureAlarm(
        this,
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
  }
}
