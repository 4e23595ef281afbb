import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import { readEmbeddedMetrics } from './embedded-metrics.ts';
import {
  type Bucket,
  emptyBucket,
  mergeInto,
  Series,
  type Statistic,
  statisticOf,
} from './metric-series.ts';

export interface Statistics {
  readonly count: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
}

export type Dimensions = Readonly<Record<string, string>>;

/** A metric, whatever units its values came in. */
export interface MetricName {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Dimensions;
}

export interface MetricQuery extends MetricName {
  /** Undefined: values of every unit. */
  readonly unit?: string | undefined;
  readonly statistic: Statistic;
  readonly periodSeconds: number;
  readonly startMs: number;
  readonly endMs: number;
}

export interface MetricValue extends MetricName {
  readonly unit?: string | undefined;
  readonly atMs: number;
  readonly isHighResolution?: boolean;
}

interface Metric extends MetricName {
  readonly byUnit: Map<string, Series>;
}

/** `[key of the metric, unit, resolution, second]` as LevelDB orders them; no value holds a NUL. */
type KeptBucket = readonly [
  count: number,
  sum: number,
  minimum: number,
  maximum: number,
  values: readonly (readonly [value: number, times: number])[] | null,
];

/** Real time between two writes to disk: what a kill loses of metrics, never of what they are made from. */
const FLUSH_EVERY_MS = 1000;
const EXPIRE_EVERY_SECONDS = 60;

const keyOf = ({ namespace, name, dimensions }: MetricName): string =>
  JSON.stringify([
    namespace,
    name,
    Object.entries(dimensions).toSorted(([a], [b]) => (a < b ? -1 : 1)),
  ]);

/**
 * CloudWatch metrics: statistics of each second for three hours where a metric asks for it, of each
 * minute for 15 days, then of longer periods. Written to disk a moment later: a metric is no ledger, on
 * AWS neither.
 */
export class MetricStore {
  readonly #metrics = new Map<string, Metric>();
  readonly #dirty = new Map<string, () => Bucket | undefined>();
  #level: Level<string, unknown> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #flushing: Promise<void> = Promise.resolve();
  #expiredAtSecond = 0;

  /** Brings back what an earlier run kept, and keeps from now on. */
  async open(folder: string, onFault: (fault: unknown) => void): Promise<void> {
    await mkdir(folder, { recursive: true });
    this.#level = new Level(join(folder, 'metrics'), { valueEncoding: 'json' });
    for await (const [key, kept] of this.#level.iterator()) this.#restore(key, kept as KeptBucket);
    this.#timer = setInterval(() => {
      this.#flushing = this.#flush().catch(onFault);
    }, FLUSH_EVERY_MS);
  }

  async close(): Promise<void> {
    clearInterval(this.#timer);
    await this.#flushing;
    await this.#flush();
    await this.#level?.close();
    this.#level = undefined;
  }

  /** Takes the metrics out of a log event. @returns why it could not, for events that claim to hold some. */
  extract(message: string): string | undefined {
    const embedded = readEmbeddedMetrics(message);
    if (typeof embedded === 'string') return embedded;
    for (const metric of embedded) {
      const series = this.#series(metric, metric.unit);
      for (const value of metric.values) series.add(metric.atMs, value, 1, metric.isHighResolution);
    }
    return undefined;
  }

  put(metric: MetricValue, value: number, times = 1): void {
    this.#series(metric, metric.unit).add(
      metric.atMs,
      value,
      times,
      metric.isHighResolution === true,
    );
  }

  putSet(metric: MetricValue, set: Statistics): void {
    this.#series(metric, metric.unit).addSet(metric.atMs, set, metric.isHighResolution === true);
  }

  /** Statistics over everything kept, under exactly these dimensions. */
  statistics(namespace: string, name: string, dimensions: Dimensions): Statistics {
    const all = emptyBucket();
    const span = [0, Number.MAX_SAFE_INTEGER, 3600] as const;
    for (const series of this.#of({ namespace, name, dimensions }))
      for (const bucket of series.collect(...span).values()) mergeInto(all, bucket);
    const { count, sum, minimum, maximum } = all;
    return { count, sum, minimum, maximum };
  }

  /** Datapoints by the epoch millisecond at which their period starts, oldest first. */
  query(query: MetricQuery): Map<number, number> {
    const { periodSeconds, startMs, endMs, statistic } = query;
    const merged = new Map<number, Bucket>();
    for (const series of this.#of(query, query.unit))
      for (const [second, bucket] of series.collect(startMs / 1000, endMs / 1000, periodSeconds)) {
        const period = merged.get(second) ?? emptyBucket();
        merged.set(second, period);
        mergeInto(period, bucket);
      }
    const points = new Map<number, number>();
    for (const [second, bucket] of [...merged].toSorted(([a], [b]) => a - b)) {
      const value = statisticOf(bucket, statistic);
      if (value !== undefined) points.set(second * 1000, value);
    }
    return points;
  }

  list(): readonly MetricName[] {
    return [...this.#metrics.values()];
  }

  /** Lets go of what is past its time; cheap to call often. */
  expire(nowMs: number): void {
    const nowSecond = Math.floor(nowMs / 1000);
    if (nowSecond - this.#expiredAtSecond < EXPIRE_EVERY_SECONDS) return;
    this.#expiredAtSecond = nowSecond;
    for (const { byUnit } of this.#metrics.values())
      for (const series of byUnit.values()) series.expire(nowSecond);
  }

  #of(name: MetricName, unit?: string): readonly Series[] {
    const byUnit = this.#metrics.get(keyOf(name))?.byUnit;
    if (unit === undefined) return [...(byUnit?.values() ?? [])];
    const series = byUnit?.get(unit);
    return series ? [series] : [];
  }

  #series({ namespace, name, dimensions }: MetricName, unit = 'None'): Series {
    const key = keyOf({ namespace, name, dimensions });
    const metric = this.#metrics.get(key) ?? { namespace, name, dimensions, byUnit: new Map() };
    this.#metrics.set(key, metric);
    let series = metric.byUnit.get(unit);
    if (!series) {
      const made: Series = new Series((resolution, second) => {
        const path = [key, unit, resolution, second].join('\u{0}');
        if (!this.#dirty.has(path)) this.#dirty.set(path, () => made.bucket(resolution, second));
      });
      series = made;
      metric.byUnit.set(unit, series);
    }
    return series;
  }

  #restore(path: string, [count, sum, minimum, maximum, values]: KeptBucket): void {
    const [key = '', unit, resolution, second] = path.split('\u{0}');
    const [namespace, name, dimensions] = JSON.parse(key);
    const bucket = { count, sum, minimum, maximum, values: values ? new Map(values) : undefined };
    this.#series({ namespace, name, dimensions: Object.fromEntries(dimensions) }, unit).restore(
      Number(resolution),
      Number(second),
      bucket,
    );
  }

  async #flush(): Promise<void> {
    if (this.#dirty.size === 0) return;
    const changed = [...this.#dirty];
    this.#dirty.clear();
    const operations = changed.map(([key, bucketNow]) => {
      const bucket = bucketNow();
      if (!bucket) return { type: 'del', key } as const;
      const { count, sum, minimum, maximum, values } = bucket;
      const value: KeptBucket = [count, sum, minimum, maximum, values ? [...values] : null];
      return { type: 'put', key, value } as const;
    });
    await this.#level?.batch(operations);
  }
}
