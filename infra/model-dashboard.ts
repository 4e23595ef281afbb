import {
  AlarmStatusWidget,
  Color,
  Dashboard,
  GraphWidget,
  type IMetric,
  type IWidget,
  Stats,
  TextWidget,
} from 'aws-cdk-lib/aws-cloudwatch';
import { Duration } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { Objective } from '../functions/contracts/monitoring.ts';
import type { MetricId } from '../functions/contracts/quality-metric.ts';
import { RECORDING_METRICS } from '../functions/contracts/recording-metric.ts';
import { METRICS_OF_TASK } from '../functions/contracts/task.ts';
import { WINDOW_METRICS } from '../functions/contracts/window-metric.ts';
import {
  CADENCE_PERIODS,
  isKnownByArm,
  type MetricOptions,
  type ModelMetrics,
} from './model-metrics.ts';
import type { ObjectiveAlarms } from './objective-alarms.ts';

export interface ModelDashboardProps {
  readonly spec: ModelSpec;
  readonly stage: string;
  readonly metrics: ModelMetrics;
  readonly alarms: ObjectiveAlarms;
}

const HALF = 12;
const THIRD = 8;
const HEIGHT = 6;

/** What an operator looks at first: quality against objectives, arms side by side, the service, the labels. */
export class ModelDashboard extends Dashboard {
  constructor(scope: Construct, id: string, props: ModelDashboardProps) {
    const { spec, stage } = props;
    super(scope, id, {
      dashboardName: `slipway-${stage}-${spec.name}`,
      defaultInterval: Duration.hours(spec.monitoring.cadence === 'hour' ? 168 : 3),
      widgets: [header(props), quality(props), arms(props), service(props), labels(props)],
    });
  }
}

/** A dashboard a day wide in hours is unreadable in seconds: graphs of a second's cadence show minutes. */
const periodOf = ({ monitoring }: ModelSpec): Duration =>
  monitoring.cadence === 'second' ? Duration.minutes(1) : CADENCE_PERIODS[monitoring.cadence];

function header({ spec, alarms }: ModelDashboardProps): IWidget[] {
  return [
    new TextWidget({
      markdown: `# ${spec.name}\n${spec.description}\n\nOwner: **${spec.owner}** · task: ${spec.task.kind} · cadence: ${spec.monitoring.cadence}`,
      width: THIRD,
      height: 4,
    }),
    new AlarmStatusWidget({
      title: 'Objectives',
      alarms: [...alarms.missed, ...alarms.silent],
      width: 2 * THIRD,
      height: 4,
    }),
  ];
}

const graph = (
  title: string,
  left: readonly IMetric[],
  width: number,
  rest: Partial<ConstructorParameters<typeof GraphWidget>[0]> = {},
): GraphWidget =>
  new GraphWidget({ title, left: [...left], width, height: HEIGHT, liveData: true, ...rest });

const threshold = ({ comparison, threshold: value, severity }: Objective) => ({
  value,
  label: `${comparison.replace('-', ' ')} ${value} (${severity})`,
  color: severity === 'high' ? Color.RED : Color.ORANGE,
});

function quality({ spec, metrics }: ModelDashboardProps): IWidget[] {
  const period = periodOf(spec);
  const { objectives } = spec.monitoring;
  return METRICS_OF_TASK[spec.task.kind].map((metric) =>
    graph(metric, [metrics.value(metric, { period })], THIRD, {
      leftAnnotations: objectives.filter((each) => each.metric === metric).map(threshold),
    }),
  );
}

/** The metrics that objectives name, of champion and challenger in one graph each. */
function arms({ spec, metrics }: ModelDashboardProps): IWidget[] {
  const period = periodOf(spec);
  return spec.monitoring.objectives
    .map(({ metric }) => metric as MetricId)
    .filter(isKnownByArm)
    .map((metric) =>
      graph(
        `${metric} by arm`,
        (['champion', 'challenger'] as const).map((arm) =>
          metrics.value(metric, { period, arm, label: arm }),
        ),
        HALF,
      ),
    );
}

function service({ spec, metrics }: ModelDashboardProps): IWidget[] {
  const options: MetricOptions = { period: periodOf(spec) };
  return [
    graph(
      'Latency in ms',
      [50, 90, 99].map((p) => metrics.serving('latency', Stats.p(p), options)),
      THIRD,
    ),
    graph(
      'Requests and rows',
      [
        metrics.serving('requests', Stats.SUM, options),
        metrics.serving('rows', Stats.SUM, options),
      ],
      THIRD,
    ),
    graph(
      'Failures, fallbacks, refusals, cold starts',
      (
        ['failures', 'fallbacks', 'refusals', 'coldStarts', 'staleRoutes', 'unitsMissing'] as const
      ).map((metric) => metrics.serving(metric, Stats.SUM, options)),
      THIRD,
    ),
    graph('Throttled share', [metrics.value('throttledShare', options)], THIRD),
    graph(
      'Model time in ms',
      [50, 99].map((p) => metrics.serving('modelTime', Stats.p(p), options)),
      THIRD,
    ),
    graph(
      'Shadow',
      (['shadowed', 'shadowSkipped', 'shadowFailures'] as const).map((metric) =>
        metrics.serving(metric, Stats.SUM, options),
      ),
      THIRD,
    ),
    graph(`Cost of answering${metrics.costBeside}`, [metrics.cost(options)], 24),
  ];
}

function labels({ spec, metrics }: ModelDashboardProps): IWidget[] {
  const options: MetricOptions = { period: periodOf(spec) };
  const sum = (metric: keyof typeof RECORDING_METRICS) =>
    metrics.named(RECORDING_METRICS[metric].name, Stats.SUM, options);
  const window = (metric: keyof typeof WINDOW_METRICS) =>
    metrics.named(WINDOW_METRICS[metric].name, Stats.AVERAGE, { period: Duration.hours(1) });
  return [
    graph(
      'Outcomes',
      (['outcomesReceived', 'outcomesJoined', 'outcomesWaiting', 'outcomesRefused'] as const).map(
        sum,
      ),
      THIRD,
    ),
    graph(
      'Label delay in s',
      [50, 99].map((p) => metrics.named(RECORDING_METRICS.labelDelay.name, Stats.p(p), options)),
      THIRD,
    ),
    graph('Label coverage of matured hours', [window('labelCoverage')], THIRD, {
      leftYAxis: { min: 0, max: 1 },
    }),
    graph(
      'Recorded rows',
      [metrics.serving('rows', Stats.SUM, options), sum('recordedRows')],
      THIRD,
    ),
    graph('Drift of the inputs', [window('largestStability'), window('driftedShare')], THIRD, {
      leftAnnotations: [{ value: spec.monitoring.drift.psi, label: 'PSI', color: Color.ORANGE }],
    }),
    graph('Drift of the predictions', [window('predictionStability')], THIRD),
  ];
}
