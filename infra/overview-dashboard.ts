import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IAlarm,
  type IMetric,
  type IWidget,
  Metric,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { ArnFormat, Duration, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import { type AlarmSubject, objectiveAlarmName } from '../functions/contracts/objective-alarm.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../functions/contracts/serving-metric.ts';
import { WINDOW_METRICS } from '../functions/contracts/window-metric.ts';
import type { Config, Prices } from './config.ts';
import { servingCost } from './serving-cost.ts';

const HEIGHT = 4;
const NAME_WIDTH = 3;
const ALARMS_WIDTH = 5;
const GRAPH_WIDTH = 4;
const HOUR = Duration.hours(1);
const FIVE_MINUTES = Duration.minutes(5);

/**
 * All models at a glance, a row each. It knows alarms and metrics by their names only, so that a model can be
 * removed without it.
 */
export class OverviewDashboard extends Construct {
  constructor(scope: Construct, id: string, config: Config, specs: readonly ModelSpec[]) {
    super(scope, id);
    new Dashboard(this, 'Dashboard', {
      dashboardName: `slipway-${config.stage}`,
      defaultInterval: Duration.days(1),
      widgets: specs.map((spec) => this.#row(spec, config)),
    });
  }

  #row(spec: ModelSpec, { stage, prices }: Config): IWidget[] {
    const { name, owner } = spec;
    const sum = (metric: keyof typeof SERVING_METRICS) =>
      metricOf(name, SERVING_METRICS[metric].name, Stats.SUM, FIVE_MINUTES);
    const gauge = (metric: keyof typeof WINDOW_METRICS) =>
      metricOf(name, WINDOW_METRICS[metric].name, Stats.AVERAGE, HOUR);
    const graph = (title: string, left: IMetric[]) =>
      new GraphWidget({ title, left, width: GRAPH_WIDTH, height: HEIGHT, liveData: true });
    return [
      new TextWidget({
        markdown: `## [${name}](#dashboards:name=slipway-${stage}-${name})\n${owner}`,
        width: NAME_WIDTH,
        height: HEIGHT,
      }),
      new AlarmStatusWidget({
        title: 'Objectives',
        alarms: this.#alarms(spec, stage),
        width: ALARMS_WIDTH,
        height: HEIGHT,
      }),
      graph('Requests and failures', [sum('requests'), sum('failures')]),
      graph('Cost of answering, about', [costOf(spec, prices)]),
      graph('Label coverage', [gauge('labelCoverage')]),
      graph('Drift', [gauge('largestStability'), gauge('predictionStability')]),
    ];
  }

  #alarms({ name, monitoring }: ModelSpec, stage: string): IAlarm[] {
    const subjects: readonly AlarmSubject[] = ['model', 'silent'];
    return monitoring.objectives.flatMap(({ metric }) =>
      subjects.map((subject) => {
        const alarmArn = Stack.of(this).formatArn({
          service: 'cloudwatch',
          resource: 'alarm',
          resourceName: objectiveAlarmName(stage, name, metric, subject),
          arnFormat: ArnFormat.COLON_RESOURCE_NAME,
        });
        return Alarm.fromAlarmArn(this, `${name}-${metric}-${subject}`, alarmArn);
      }),
    );
  }
}

/**
 * By the server's own clock, and as if every request came through the API: what Lambda measures, which the
 * model's dashboard reckons with, goes by the name of the function.
 */
function costOf(spec: ModelSpec, prices: Prices): IMetric {
  const sum = (metric: keyof typeof SERVING_METRICS) =>
    metricOf(spec.name, SERVING_METRICS[metric].name, Stats.SUM, FIVE_MINUTES);
  const [duration, invocations, predictions] = [sum('latency'), sum('requests'), sum('rows')];
  return servingCost(spec, prices, { duration, invocations, predictions }, FIVE_MINUTES);
}

const metricOf = (model: string, metricName: string, statistic: string, period: Duration) =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { Model: model },
    statistic,
    period,
  });
