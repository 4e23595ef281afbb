import * as z from 'zod';
import { type Expression, parseMetricMath } from './metric-math.ts';
import { evaluateMetricMath, type Points, type Value } from './metric-math-values.ts';
import { parseStatistic, type Statistic } from './metric-series.ts';
import type { MetricStore } from './metrics.ts';

export const DimensionList = z
  .array(z.object({ Name: z.string().min(1).max(255), Value: z.string().min(1).max(1024) }))
  .max(30);

/** A period CloudWatch knows. */
export const Period = z.coerce
  .number()
  .refine(
    (seconds) => [1, 5, 10, 20, 30].includes(seconds) || (seconds > 0 && seconds % 60 === 0),
    'a period is 1, 5, 10, 20, 30 or a multiple of 60 seconds',
  );

/** As in GetMetricData and in the `Metrics` of an alarm. */
export const MetricDataQuery = z.object({
  Id: z.string().regex(/^[a-z]\w*$/, 'an id starts with a lowercase letter'),
  MetricStat: z
    .object({
      Metric: z.object({
        Namespace: z.string(),
        MetricName: z.string(),
        Dimensions: DimensionList.optional(),
      }),
      Period,
      Stat: z.string(),
      Unit: z.string().optional(),
    })
    .optional(),
  Expression: z.string().optional(),
  Label: z.string().optional(),
  Period: Period.optional(),
  ReturnData: z.boolean().default(true),
});
export type MetricDataQuery = z.output<typeof MetricDataQuery>;

type Source =
  | { readonly kind: 'metric'; readonly stat: MetricStat; readonly statistic: Statistic }
  | { readonly kind: 'expression'; readonly expression: Expression };
type MetricStat = NonNullable<MetricDataQuery['MetricStat']>;

export interface Span {
  readonly startMs: number;
  readonly endMs: number;
}

/** Queries that refer to one another, compiled once and answered often. */
export class MetricQueries {
  /** Of the metrics; the shortest where they differ. */
  readonly periodSeconds: number;
  readonly #queries: ReadonlyMap<string, { query: MetricDataQuery; source: Source }>;

  /** @throws TypeError that names the query and what of it is not known. */
  constructor(queries: readonly MetricDataQuery[]) {
    this.#queries = new Map(queries.map((query) => [query.Id, { query, source: compile(query) }]));
    const periods = queries.flatMap(
      ({ MetricStat, Period: own }) => MetricStat?.Period ?? own ?? [],
    );
    this.periodSeconds = Math.min(...(periods.length > 0 ? periods : [300]));
  }

  get returned(): readonly MetricDataQuery[] {
    return [...this.#queries.values()]
      .map(({ query }) => query)
      .filter(({ ReturnData }) => ReturnData);
  }

  /**
   * The datapoints of the returned queries, by id. A number that no series is behind stands at every
   * period.
   * @throws TypeError for what only shows when it is evaluated, such as an unknown function.
   */
  answer(store: MetricStore, span: Span): Map<string, Points> {
    const values = new Map<string, Value>();
    const evaluating = new Set<string>();
    const timeline = this.#timeline(span);
    const valueOf = (id: string): Value | undefined => {
      const known = values.get(id);
      const found = this.#queries.get(id);
      if (known || !found) return known;
      if (evaluating.has(id)) throw new TypeError(`the query ${id} refers to itself`);
      evaluating.add(id);
      const value = this.#evaluate(found.source, store, span, { valueOf, metrics, timeline });
      values.set(id, value);
      return value;
    };
    const metrics = () =>
      [...this.#queries].flatMap(([id, { source }]) => {
        const value = source.kind === 'metric' ? valueOf(id) : undefined;
        return value?.kind === 'series' ? [value.points] : [];
      });
    return new Map(
      this.returned.map(({ Id }) => [Id, asPoints(Id, valueOf(Id), timeline)] as const),
    );
  }

  #evaluate(
    source: Source,
    store: MetricStore,
    { startMs, endMs }: Span,
    scope: Parameters<typeof evaluateMetricMath>[1],
  ): Value {
    if (source.kind === 'expression') return evaluateMetricMath(source.expression, scope);
    const { Metric, Period: periodSeconds, Unit: unit } = source.stat;
    const points = store.query({
      namespace: Metric.Namespace,
      name: Metric.MetricName,
      dimensions: dimensionsOf(Metric.Dimensions),
      unit,
      statistic: source.statistic,
      periodSeconds,
      startMs: Math.floor(startMs / (periodSeconds * 1000)) * periodSeconds * 1000,
      endMs,
    });
    return { kind: 'series', points };
  }

  #timeline({ startMs, endMs }: Span): readonly number[] {
    const periodMs = this.periodSeconds * 1000;
    const first = Math.floor(startMs / periodMs) * periodMs;
    const length = Math.max(Math.ceil((endMs - first) / periodMs), 0);
    return Array.from({ length }, (_, at) => first + at * periodMs);
  }
}

export function dimensionsOf(
  list: readonly { readonly Name: string; readonly Value: string }[] = [],
): Record<string, string> {
  return Object.fromEntries(list.map(({ Name, Value }) => [Name, Value]));
}

function compile({ Id, MetricStat: stat, Expression: text }: MetricDataQuery): Source {
  if (stat && text === undefined) {
    const statistic = parseStatistic(stat.Stat);
    if (!statistic) throw new TypeError(`the statistic ${stat.Stat} of ${Id} is not emulated`);
    return { kind: 'metric', stat, statistic };
  }
  if (text === undefined || stat)
    throw new TypeError(`the query ${Id} needs either a MetricStat or an Expression`);
  return { kind: 'expression', expression: parseMetricMath(text) };
}

function asPoints(id: string, value: Value | undefined, timeline: readonly number[]): Points {
  if (value?.kind === 'series') return value.points;
  if (value?.kind === 'scalar') return new Map(timeline.map((at) => [at, value.value]));
  throw new TypeError(`the query ${id} gives an array, where one time series is wanted`);
}
