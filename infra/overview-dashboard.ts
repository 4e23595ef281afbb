import {
  Alarm,
  AlarmStatusWidget,
  Dashboard,
  GraphWidget,
  type IAlarm,
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

const HEIGHT = 4;
const NAME_WIDTH = 3;
const ALARMS_WIDTH = 6;
const GRAPH_WIDTH = 5;
const HOUR = Duration.hours(1);
const FIVE_MINUTES = Duration.minutes(5);

/**
 * All models at a glance, a row each. It knows alarms and metrics by their names only, so that a model can be
 * removed without it.
 */
export class OverviewDashboard extends Construct {
  constructor(scope: Construct, id: string, stage: string, specs: readonly ModelSpec[]) {
    super(scope, id);
    new Dashboard(this, 'Dashboard', {
      dashboardName: `slipway-${stage}`,
      defaultInterval: Duration.days(1),
      widgets: specs.map((spec) => this.#row(spec, stage)),
    });
  }

  #row(spec: ModelSpec, stage: string): IWidget[] {
    const { name, owner } = spec;
    const sum = (metric: keyof typeof SERVING_METRICS) =>
      metricOf(name, SERVING_METRICS[metric].name, Stats.SUM, FIVE_MINUTES);
    const gauge = (metric: keyof typeof WINDOW_METRICS) =>
      metricOf(name, WINDOW_METRICS[metric].name, Stats.AVERAGE, HOUR);
    const graph = (title: string, left: Metric[]) =>
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

const metricOf = (model: string, metricName: string, statistic: string, period: Duration) =>
  new Metric({
    namespace: METRIC_NAMESPACE,
    metricName,
    dimensionsMap: { Model: model },
    statistic,
    period,
  });
