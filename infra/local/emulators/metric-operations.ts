import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { type Operation, parseInput } from './aws-json.ts';
import { ServiceError } from './emulator.ts';
import { DimensionList, dimensionsOf, MetricDataQuery, MetricQueries } from './metric-queries.ts';
import type { MetricStore } from './metrics.ts';

/** Epoch seconds on the wire. */
const Instant = z.number();
const Finite = z.number().refine((value) => Math.abs(value) <= 2 ** 360, 'a value is within 2^360');

const GetMetricDataInput = z.object({
  MetricDataQueries: z.array(MetricDataQuery).min(1).max(500),
  StartTime: Instant,
  EndTime: Instant,
  ScanBy: z.enum(['TimestampDescending', 'TimestampAscending']).default('TimestampDescending'),
  MaxDatapoints: z.int().positive().max(100_800).optional(),
});
const MetricDatum = z.object({
  MetricName: z.string().min(1).max(255),
  Dimensions: DimensionList.default([]),
  Timestamp: Instant.optional(),
  Value: Finite.optional(),
  Values: z.array(Finite).max(150).optional(),
  Counts: z.array(z.number().min(0)).optional(),
  StatisticValues: z
    .object({ SampleCount: z.number().positive(), Sum: Finite, Minimum: Finite, Maximum: Finite })
    .optional(),
  Unit: z.string().optional(),
  StorageResolution: z.literal([1, 60]).default(60),
});
type MetricDatum = z.output<typeof MetricDatum>;
const PutMetricDataInput = z.object({
  Namespace: z
    .string()
    .min(1)
    .max(255)
    .refine((name) => !name.startsWith('AWS/'), 'names that begin with AWS/ are for services'),
  MetricData: z.array(MetricDatum).min(1).max(1000),
});
const ListMetricsInput = z.object({
  Namespace: z.string().optional(),
  MetricName: z.string().optional(),
  Dimensions: z.array(z.object({ Name: z.string(), Value: z.string().optional() })).default([]),
});
/** What CloudWatch does with metrics. No permission is about a single one. */
export function metricOperations(
  metrics: MetricStore,
  clock: Clock,
): Readonly<Record<string, Operation>> {
  return {
    async GetMetricData(request, call) {
      call.authorize('cloudwatch:GetMetricData', '*');
      return getMetricData(metrics, parseInput(GetMetricDataInput, request));
    },
    async PutMetricData(request, call) {
      const input = parseInput(PutMetricDataInput, request);
      call.authorize('cloudwatch:PutMetricData', '*', { 'cloudwatch:namespace': input.Namespace });
      for (const datum of input.MetricData) put(metrics, input.Namespace, datum, clock.nowMs());
      return {};
    },
    async ListMetrics(request, call) {
      call.authorize('cloudwatch:ListMetrics', '*');
      const { Namespace, MetricName, Dimensions } = parseInput(ListMetricsInput, request);
      const found = metrics
        .list()
        .filter(
          ({ namespace, name, dimensions }) =>
            (Namespace === undefined || namespace === Namespace) &&
            (MetricName === undefined || name === MetricName) &&
            Dimensions.every(
              ({ Name, Value }) =>
                dimensions[Name] !== undefined &&
                (Value === undefined || dimensions[Name] === Value),
            ),
        );
      return {
        Metrics: found.map(({ namespace, name, dimensions }) => ({
          Namespace: namespace,
          MetricName: name,
          Dimensions: Object.entries(dimensions).map(([Name, Value]) => ({ Name, Value })),
        })),
      };
    },
  };
}

function getMetricData(metrics: MetricStore, input: z.output<typeof GetMetricDataInput>): object {
  if (input.StartTime >= input.EndTime) throw invalid('StartTime must be before EndTime');
  try {
    const queries = new MetricQueries(input.MetricDataQueries);
    const span = { startMs: input.StartTime * 1000, endMs: input.EndTime * 1000 };
    const answers = queries.answer(metrics, span);
    const MetricDataResults = queries.returned.map(({ Id, Label }) => {
      const oldestFirst = [...(answers.get(Id) ?? [])];
      const points = input.ScanBy === 'TimestampAscending' ? oldestFirst : oldestFirst.toReversed();
      const shown = points.slice(0, input.MaxDatapoints);
      return {
        Id,
        Label: Label ?? labelOf(input.MetricDataQueries, Id),
        Timestamps: shown.map(([atMs]) => atMs / 1000),
        Values: shown.map(([, value]) => value),
        StatusCode: shown.length < points.length ? 'PartialData' : 'Complete',
      };
    });
    return { MetricDataResults, Messages: [] };
  } catch (failure) {
    if (!(failure instanceof TypeError)) throw failure;
    throw new ServiceError(400, 'ValidationError', failure.message);
  }
}

function labelOf(queries: readonly MetricDataQuery[], id: string): string {
  return queries.find(({ Id }) => Id === id)?.MetricStat?.Metric.MetricName ?? id;
}

const PAST_LIMIT_MS = 14 * 86_400_000;
const FUTURE_LIMIT_MS = 2 * 3_600_000;

function put(store: MetricStore, namespace: string, datum: MetricDatum, nowMs: number): void {
  const metric = {
    namespace,
    name: datum.MetricName,
    dimensions: dimensionsOf(datum.Dimensions),
    unit: datum.Unit,
    atMs: timestampOf(datum, nowMs),
    isHighResolution: datum.StorageResolution === 1,
  };
  for (const [value, times] of valuesOf(datum)) store.put(metric, value, times);
  const { StatisticValues: set } = datum;
  if (!set) return;
  const { SampleCount: count, Sum: sum, Minimum: minimum, Maximum: maximum } = set;
  store.putSet(metric, { count, sum, minimum, maximum });
}

function timestampOf({ MetricName, Timestamp }: MetricDatum, nowMs: number): number {
  const atMs = Timestamp === undefined ? nowMs : Timestamp * 1000;
  if (atMs >= nowMs - PAST_LIMIT_MS && atMs <= nowMs + FUTURE_LIMIT_MS) return atMs;
  throw invalid(
    `The timestamp of ${MetricName} must be within the past two weeks and the next two hours.`,
  );
}

/** None where the values come as a statistic set. */
function valuesOf(datum: MetricDatum): readonly (readonly [value: number, times: number])[] {
  const { MetricName, Value, Values, Counts, StatisticValues } = datum;
  if ([Value, Values, StatisticValues].filter((given) => given !== undefined).length !== 1)
    throw invalid(`${MetricName} needs one of Value, Values and StatisticValues.`);
  if (Counts && Counts.length !== Values?.length)
    throw invalid(`${MetricName} has not as many Counts as Values.`);
  if (Value !== undefined) return [[Value, 1]];
  return (Values ?? []).map((value, at) => [value, Counts?.[at] ?? 1] as const);
}

function invalid(message: string): ServiceError {
  return new ServiceError(400, 'InvalidParameterValue', message);
}
