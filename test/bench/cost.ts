import { componentMetrics } from '../../functions/contracts/quality-metric.ts';
import { RECORDING_METRICS } from '../../functions/contracts/recording-metric.ts';
import { SERVING_METRICS } from '../../functions/contracts/serving-metric.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { embeddedMetrics, predictionLines } from '../../functions/serve/prediction-log.ts';
import { DEFAULTS } from '../../infra/config.ts';
import { aLine } from '../builders/prediction-line.ts';
import { listOf, objectOf, synthesize } from '../builders/templates.ts';

/**
 * What a million predictions of delivery times cost, one a request, each with its outcome and half of them
 * enrolled in an A/B test; and what a month costs before the first. Sizes come from the code that writes and
 * counts from the template; what only a deployment can tell is assumed here, and printed.
 */
const ASSUMED = {
  /** Measured by `npm run bench` with margin; Lambda bills whole milliseconds. */
  serveMs: 3,
  /** With what the SDK needs to write and read. */
  recordMsAnEvent: 4,
  outcomesAReport: 20,
  outcomeReportMs: 60,
  /** Log lines of one subscription delivery. */
  linesADelivery: 20,
  enrolledShare: 0.5,
  /** START, END and REPORT of an invocation. */
  platformLogBytes: 350,
};
const { prices } = DEFAULTS;
const MILLION = 1e6;
const GB = 1024 ** 3;
/** Direct PUT rounds each record up to this. */
const FIREHOSE_RECORD_BYTES = 5 * 1024;
const SMALLEST_MEMORY_GB = 1769 / 1024;

const example = deliveryTime.example as { instances: Record<string, unknown>[] };
const line = aLine({
  predictionId: crypto.randomUUID(),
  model: deliveryTime.name,
  digest: 'd'.repeat(64),
  unit: 'customer-4711',
  asked: { api: 'predict', instances: example.instances },
  outputs: deliveryTime.signature.outputs.map(({ name, datatype, columns }) => ({
    name,
    datatype,
    shape: [1, columns.length],
    data: columns.map(() => 26.25),
  })),
});
const metrics = embeddedMetrics(
  0,
  { Model: line.model, Arm: line.arm },
  { requests: 1, rows: 1, latency: 3.25, coldStarts: 0, failures: 0, refusals: 0 },
  1,
);
const lineBytes = predictionLines(line, metrics).reduce((sum, text) => sum + text.length, 0);

const { serveMs, recordMsAnEvent, linesADelivery, outcomesAReport, outcomeReportMs } = ASSUMED;
const deliveries = MILLION / linesADelivery;
const reports = MILLION / outcomesAReport;
const gbSeconds = (ms: number, calls: number) => (ms / 1000) * calls * SMALLEST_MEMORY_GB;
const logGb = (bytes: number, times: number) => (bytes * times) / GB;
/** Prediction, outcome and score with the index by hour of two of them; exposure and two contributions. */
const writes = MILLION * (3 + 2 + 3 * ASSUMED.enrolledShare);
/** Recording looks once, a report twice; a strongly consistent read of up to 4 KB is a unit. */
const reads = MILLION * 3;
const firehoseGb = (FIREHOSE_RECORD_BYTES * 3 * MILLION) / GB;

const perMillion: readonly (readonly [what: string, dollars: number])[] = [
  ['API Gateway: predictions', MILLION * prices.apiRequest],
  ['API Gateway: outcomes', reports * prices.apiRequest],
  [
    'Lambda: predictions',
    MILLION * prices.lambdaRequest + gbSeconds(serveMs, MILLION) * prices.lambdaX86GbSecond,
  ],
  [
    'Lambda: recording and outcomes',
    (deliveries + reports) * prices.lambdaRequest +
      (gbSeconds(recordMsAnEvent, MILLION) + gbSeconds(outcomeReportMs, reports)) *
        prices.lambdaX86GbSecond,
  ],
  ['Logs: one line a prediction', logGb(lineBytes, MILLION) * prices.logsGb],
  [
    'Logs: platform lines',
    logGb(ASSUMED.platformLogBytes, MILLION + deliveries + reports) * prices.logsGb,
  ],
  ['DynamoDB: writes', writes * prices.writeUnit],
  ['DynamoDB: reads', reads * prices.readUnit],
  [
    'Firehose: three records, as Parquet by day',
    firehoseGb * (prices.firehoseGb + prices.parquetGb + prices.partitioningGb),
  ],
];

using app = synthesize([deliveryTime]);
const alarms = app.of('AWS::CloudWatch::Alarm').map(({ properties }) => {
  const queries = listOf(properties['Metrics']).map(objectOf);
  const metricsOf = queries.filter((query) => query['MetricStat'] !== undefined);
  const periods = [properties, ...metricsOf.map((query) => objectOf(query['MetricStat']))];
  const isFast = periods.some(({ Period }) => typeof Period === 'number' && Period < 60);
  return (
    Math.max(1, metricsOf.length) * (isFast ? prices.fastAlarmMetricMonth : prices.alarmMetricMonth)
  );
});
const namesOf = (definitions: object) => Object.keys(definitions).length;
/** What serving and scoring publish exists by model and by each of two arms. */
const metricsOfModel =
  3 * (namesOf(SERVING_METRICS) + namesOf(componentMetrics(deliveryTime.task))) +
  namesOf(RECORDING_METRICS);
const monthly: readonly (readonly [what: string, dollars: number])[] = [
  [`${alarms.length} alarms`, alarms.reduce((sum, dollars) => sum + dollars, 0)],
  [`${metricsOfModel} metrics, all of them in use`, metricsOfModel * prices.metricMonth],
  ['dashboards', app.of('AWS::CloudWatch::Dashboard').length * prices.dashboardMonth],
  ['keys', app.of('AWS::KMS::Key').length * prices.keyMonth],
];

const printed = (rows: typeof perMillion) => [
  ...rows.map(([what, dollars]) => ({ what, dollars: dollars.toFixed(2) })),
  { what: 'together', dollars: rows.reduce((sum, [, dollars]) => sum + dollars, 0).toFixed(2) },
];
console.log(
  `USD a million predictions of ${deliveryTime.name}, a log line of ${lineBytes} bytes each`,
);
console.table(printed(perMillion));
console.log('USD a month before the first prediction, one model');
console.table(printed(monthly));
console.log('assumed', ASSUMED, 'not counted: transfer out, X-Ray, storage, queries');
