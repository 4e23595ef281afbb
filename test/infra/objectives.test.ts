import fc from 'fast-check';
import { afterAll, describe, expect, test } from 'vitest';
import * as z from 'zod';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import {
  type AlarmSubject,
  objectiveAlarmName,
} from '../../functions/contracts/objective-alarm.ts';
import {
  componentMetrics,
  componentsOf,
  evidenceOf,
  METRIC_DEFINITIONS,
  type MetricId,
} from '../../functions/contracts/quality-metric.ts';
import { RECORDING_METRICS } from '../../functions/contracts/recording-metric.ts';
import { SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import { WINDOW_METRICS } from '../../functions/contracts/window-metric.ts';
import { metricValue } from '../../functions/measures/row-score.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { metricWriter } from '../../functions/runtime/embedded-metrics.ts';
import { MetricDataQuery, MetricQueries } from '../../infra/local/emulators/metric-queries.ts';
import { MetricStore } from '../../infra/local/emulators/metrics.ts';
import { silenceWindow } from '../../infra/objective-alarms.ts';
import { type Json, listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const specs = [deliveryTime, searchRanking, cardFraud];
const app = synthesize(specs);
afterAll(() => app[Symbol.dispose]());

const alarmOf = (spec: ModelSpec, metric: string, subject: AlarmSubject) => {
  const name = objectiveAlarmName('main', spec.name, metric, subject);
  const alarm = app
    .of('AWS::CloudWatch::Alarm')
    .find(({ properties }) => properties['AlarmName'] === name);
  if (!alarm) throw new Error(`there is no alarm ${name}`);
  return alarm.properties;
};
const periodsOf = (properties: Readonly<Record<string, Json>>): Json[] => [
  ...listOf(properties['Period']),
  ...listOf(properties['Metrics']).flatMap((query) =>
    listOf(objectOf(objectOf(query)['MetricStat'])['Period']),
  ),
];
const objectives = specs.flatMap((spec) =>
  spec.monitoring.objectives.map((objective) => ({
    spec,
    objective,
    title: `${objective.metric} of ${spec.name}`,
  })),
);
const isRatio = (metric: string): boolean =>
  METRIC_DEFINITIONS[metric as MetricId].kind === 'ratio';
const CADENCES = { second: 10, minute: 60, hour: 3600 };

describe.each(objectives)('the objective on $title', ({ spec, objective }) => {
  const { metric, comparison, threshold, periods, severity } = objective;

  const arms: AlarmSubject[] = isRatio(metric) ? ['champion', 'challenger'] : [];
  const subjects: AlarmSubject[] = ['model', ...arms];

  test.each(subjects)(
    'is an alarm of the %s by the spec’s cadence and periods, for which no data is no verdict',
    (subject) => {
      const alarm = alarmOf(spec, metric, subject);
      expect(alarm).toMatchObject({
        Threshold: threshold,
        ComparisonOperator: comparison === 'at-most' ? 'GreaterThanThreshold' : 'LessThanThreshold',
        EvaluationPeriods: periods.of,
        DatapointsToAlarm: periods.missed,
        TreatMissingData: 'missing',
        Tags: expect.arrayContaining([{ Key: 'slipway:severity', Value: severity }]),
      });
      expect(new Set(periodsOf(alarm))).toEqual(new Set([CADENCES[spec.monitoring.cadence]]));
      expect(JSON.stringify(alarm['Metrics']).includes('"Arm"')).toBe(subject !== 'model');
    },
  );

  test('has an alarm on silence, for which no data is the breach', () => {
    const alarm = alarmOf(spec, metric, 'silent');
    const [period] = periodsOf(alarm);
    expect(alarm).toMatchObject({
      Threshold: 1,
      ComparisonOperator: 'LessThanThreshold',
      TreatMissingData: 'breaching',
    });
    expect(Number(period) * Number(alarm['EvaluationPeriods'])).toBeGreaterThanOrEqual(
      objective.silenceMinutes * 60,
    );
  });
});

test('a silence is watched in as many periods as CloudWatch looks back on', () => {
  const seconds = (minutes: number) => {
    const { period, periods } = silenceWindow(minutes);
    return [period.toSeconds(), periods];
  };
  expect([5, 60, 61, 1440, 1441, 10_080].map(seconds)).toEqual([
    [60, 5],
    [60, 60],
    [300, 13],
    [300, 288],
    [3600, 25],
    [3600, 168],
  ]);
  expect(() => silenceWindow(10_081)).toThrow('more than the 7 days');
});

describe.each(objectives.filter(({ objective }) => isRatio(objective.metric)))(
  'what CloudWatch computes for $title',
  ({ spec, objective: { metric, minimumLabels } }) => {
    test.each(['model', 'challenger'] as const)(
      'of the %s is the formula’s value over the same sums, and absent below the least labels',
      (subject) => {
        const queries = new MetricQueries(
          z.array(MetricDataQuery).parse(alarmOf(spec, metric, subject)['Metrics']),
        );
        const components = componentsOf(spec.task);
        const sums = fc.record(
          Object.fromEntries(
            components.map((each) => [
              each,
              fc.oneof(fc.integer({ min: 0, max: 5000 }), fc.constant(0)),
            ]),
          ),
        );
        const write = metricWriter(componentMetrics(spec.task));
        // CloudWatch has nothing below a minute of what is stored by the minute.
        const resolution = spec.monitoring.cadence === 'second' ? 1 : 60;
        const atMs = Date.UTC(2026, 0, 1);
        fc.assert(
          fc.property(sums, (values) => {
            const store = new MetricStore();
            const dimensions = { Model: spec.name, Arm: 'challenger' };
            expect(store.extract(write(atMs, dimensions, values, resolution))).toBeUndefined();
            const [points] = queries
              .answer(store, { startMs: atMs, endMs: atMs + 3_600_000 })
              .values();
            const evidence = evidenceOf(metric as MetricId).reduce(
              (sum, each) => sum + (values[each] ?? 0),
              0,
            );
            const expected =
              evidence >= minimumLabels ? metricValue(metric as MetricId, values) : undefined;
            expect(points?.get(atMs)?.toPrecision(10)).toBe(expected?.toPrecision(10));
          }),
        );
      },
    );
  },
);

describe('dashboards', () => {
  const dashboards = app.of('AWS::CloudWatch::Dashboard').map(({ name, properties }) => ({
    name,
    widgets: listOf(objectOf(JSON.parse(textOf(properties['DashboardBody'])))['widgets']).map(
      objectOf,
    ),
  }));

  test('are one of all models and one a model, within what CloudWatch draws', () => {
    expect(dashboards.map(({ name }) => name).toSorted()).toEqual([
      'cardfraud/Dashboard',
      'deliverytime/Dashboard',
      'operations/OverviewDashboard',
      'searchranking/Dashboard',
    ]);
    for (const { widgets } of dashboards) {
      expect(widgets.length).toBeGreaterThan(0);
      expect(widgets.length).toBeLessThanOrEqual(500);
      for (const { properties, x, width } of widgets) {
        expect(listOf(objectOf(properties)['metrics']).length).toBeLessThanOrEqual(500);
        expect(Number(x) + Number(width)).toBeLessThanOrEqual(24);
      }
    }
  });

  test.each(objectives.filter(({ objective }) => isRatio(objective.metric)))(
    'draw the threshold of $title into its graph',
    ({ spec, objective }) => {
      const name = `${spec.name.replace('-', '')}/Dashboard`;
      const lines = (dashboards.find((each) => each.name === name)?.widgets ?? [])
        .map(({ properties }) => objectOf(properties))
        .filter(({ title }) => title === objective.metric)
        .flatMap(({ annotations }) => listOf(objectOf(annotations)['horizontal']))
        .map((line) => objectOf(line)['value']);
      expect(lines).toContain(objective.threshold);
    },
  );

  test('and alarms name metrics of the catalogue only', () => {
    const catalogue = new Set([
      ...[SERVING_METRICS, RECORDING_METRICS, WINDOW_METRICS].flatMap((all) =>
        Object.values(all).map(({ name }) => name),
      ),
      ...specs.flatMap(({ task }) =>
        Object.values(componentMetrics(task)).map((each) => each.name),
      ),
    ]);
    const inGraphs = dashboards.flatMap(({ widgets }) =>
      widgets
        .flatMap(({ properties }) => listOf(objectOf(properties)['metrics']))
        .map(listOf)
        .filter(([namespace]) => namespace === 'Slipway')
        .map(([, name]) => name),
    );
    const inAlarms = app
      .of('AWS::CloudWatch::Alarm')
      .flatMap(({ properties }) =>
        [
          properties,
          ...listOf(properties['Metrics']).map((query) =>
            objectOf(objectOf(objectOf(query)['MetricStat'])['Metric']),
          ),
        ]
          .filter(({ Namespace }) => Namespace === 'Slipway')
          .map(({ MetricName }) => MetricName),
      );
    expect(inGraphs.length).toBeGreaterThan(50);
    expect([...inGraphs, ...inAlarms].map(String).filter((name) => !catalogue.has(name))).toEqual(
      [],
    );
  });
});
