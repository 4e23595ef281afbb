/** What one period of a series holds. */
export interface Bucket {
  count: number;
  sum: number;
  minimum: number;
  maximum: number;
  /** How often each value came; undefined once values came as sums only, which know no percentiles. */
  values: Map<number, number> | undefined;
}

/** Seconds of a period, and how long periods of that length are kept. */
interface Resolution {
  readonly seconds: number;
  readonly keptForSeconds: number;
}

const HOUR = 3600;
const DAY = 24 * HOUR;

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_concepts.html */
export const RESOLUTIONS: readonly [Resolution, Resolution, Resolution, Resolution] = [
  { seconds: 1, keptForSeconds: 3 * HOUR },
  { seconds: 60, keptForSeconds: 15 * DAY },
  { seconds: 300, keptForSeconds: 63 * DAY },
  { seconds: HOUR, keptForSeconds: 455 * DAY },
];

/** Above this many different values of one period, further ones are kept to three digits: within 0.5 %. */
const EXACT_VALUES = 512;

export type Statistic =
  | { readonly kind: 'Average' | 'Sum' | 'Minimum' | 'Maximum' | 'SampleCount' }
  | { readonly kind: 'percentile'; readonly percent: number };

const SIMPLE = ['Average', 'Sum', 'Minimum', 'Maximum', 'SampleCount'] as const;

/** Undefined where CloudWatch has no such statistic, or this machine does not compute it. */
export function parseStatistic(text: string): Statistic | undefined {
  const kind = SIMPLE.find((name) => name === text);
  if (kind) return { kind };
  const percentile = /^p(\d{1,2}(?:\.\d{1,10})?|100)$/.exec(text);
  return percentile ? { kind: 'percentile', percent: Number(percentile[1]) } : undefined;
}

/** Undefined where it cannot be known: CloudWatch then has no datapoint. */
export function statisticOf(bucket: Bucket, statistic: Statistic): number | undefined {
  switch (statistic.kind) {
    case 'Average':
      return bucket.count === 0 ? undefined : bucket.sum / bucket.count;
    case 'Sum':
      return bucket.sum;
    case 'Minimum':
      return bucket.minimum;
    case 'Maximum':
      return bucket.maximum;
    case 'SampleCount':
      return bucket.count;
    case 'percentile':
      return percentileOf(bucket, statistic.percent);
  }
}

/** By nearest rank: the smallest value that at least this share of all values does not exceed. */
function percentileOf({ values, count }: Bucket, percent: number): number | undefined {
  if (!values) return undefined;
  const sorted = [...values].toSorted(([a], [b]) => a - b);
  const rank = (percent / 100) * count;
  let seen = 0;
  for (const [value, times] of sorted) {
    seen += times;
    if (seen >= rank) return value;
  }
  return sorted.at(-1)?.[0];
}

export const emptyBucket = (): Bucket => ({
  count: 0,
  sum: 0,
  minimum: Number.POSITIVE_INFINITY,
  maximum: Number.NEGATIVE_INFINITY,
  values: new Map(),
});

function addValue(bucket: Bucket, value: number, times: number): void {
  bucket.count += times;
  bucket.sum += value * times;
  if (value < bucket.minimum) bucket.minimum = value;
  if (value > bucket.maximum) bucket.maximum = value;
  const { values } = bucket;
  if (!values) return;
  const before = values.get(value);
  if (before !== undefined) return void values.set(value, before + times);
  const kept = values.size < EXACT_VALUES ? value : Number(value.toPrecision(3));
  values.set(kept, (values.get(kept) ?? 0) + times);
}

/** Adds one bucket to another, as a longer period is made of shorter ones. */
export function mergeInto(target: Bucket, source: Bucket): void {
  target.count += source.count;
  target.sum += source.sum;
  target.minimum = Math.min(target.minimum, source.minimum);
  target.maximum = Math.max(target.maximum, source.maximum);
  if (!source.values) target.values = undefined;
  for (const [value, times] of source.values ?? [])
    target.values?.set(value, (target.values.get(value) ?? 0) + times);
}

/** The data of one metric under one set of dimensions and in one unit. */
export class Series {
  /** Buckets by their first second, one map a resolution. */
  readonly #periods: readonly Map<number, Bucket>[] = RESOLUTIONS.map(() => new Map());
  readonly #onChange: (resolution: number, second: number) => void;

  constructor(onChange: (resolution: number, second: number) => void = () => undefined) {
    this.#onChange = onChange;
  }

  bucket(resolution: number, second: number): Bucket | undefined {
    return this.#periods[resolution]?.get(second);
  }

  /** Puts back what was kept, under what has come since. */
  restore(resolution: number, second: number, bucket: Bucket): void {
    const since = this.bucket(resolution, second);
    if (since) mergeInto(bucket, since);
    this.#periods[resolution]?.set(second, bucket);
  }

  /** @param isHighResolution keeps the value's second, not its minute alone. */
  add(atMs: number, value: number, times: number, isHighResolution: boolean): void {
    const second = Math.floor(atMs / 1000);
    if (isHighResolution) addValue(this.#open(0, second), value, times);
    addValue(this.#open(1, second), value, times);
  }

  /** Values that come as their sums. */
  addSet(atMs: number, set: Omit<Bucket, 'values'>, isHighResolution: boolean): void {
    const second = Math.floor(atMs / 1000);
    const isOneValue = set.count === 1 || set.minimum === set.maximum;
    const values = isOneValue ? new Map([[set.minimum, set.count]]) : undefined;
    for (const resolution of isHighResolution ? [0, 1] : [1])
      mergeInto(this.#open(resolution, second), { ...set, values });
  }

  /** The buckets of each period in a span, by the epoch second of their start, oldest first. */
  collect(startSecond: number, endSecond: number, periodSeconds: number): Map<number, Bucket> {
    const collected = new Map<number, Bucket>();
    const first = periodSeconds < 60 ? 0 : 1;
    const last = periodSeconds < 60 ? 0 : RESOLUTIONS.length - 1;
    for (let resolution = first; resolution <= last; resolution += 1)
      this.#visit(resolution, startSecond, endSecond, (second, bucket) => {
        const start = second - (second % periodSeconds);
        const period = collected.get(start) ?? emptyBucket();
        collected.set(start, period);
        mergeInto(period, bucket);
      });
    return new Map([...collected].toSorted(([a], [b]) => a - b));
  }

  /** Lets go of what is past its time; minutes live on in longer periods. */
  expire(nowSecond: number): void {
    for (const [resolution, { keptForSeconds }] of RESOLUTIONS.entries())
      for (const [second, bucket] of this.#periods[resolution] ?? []) {
        // Insertion order is nearly time order, so the oldest come first.
        if (second >= nowSecond - keptForSeconds) break;
        this.#periods[resolution]?.delete(second);
        this.#onChange(resolution, second);
        if (resolution > 0 && resolution < RESOLUTIONS.length - 1)
          mergeInto(this.#open(resolution + 1, second), bucket);
      }
  }

  #open(resolution: number, second: number): Bucket {
    const start = second - (second % (RESOLUTIONS[resolution]?.seconds ?? 1));
    const periods = this.#periods[resolution];
    const bucket = periods?.get(start) ?? emptyBucket();
    periods?.set(start, bucket);
    this.#onChange(resolution, start);
    return bucket;
  }

  /** Looks up each second of a short span, and runs through all buckets where the span is longer. */
  #visit(
    resolution: number,
    startSecond: number,
    endSecond: number,
    visit: (second: number, bucket: Bucket) => void,
  ): void {
    const periods = this.#periods[resolution] ?? new Map<number, Bucket>();
    const step = RESOLUTIONS[resolution]?.seconds ?? 1;
    if ((endSecond - startSecond) / step > periods.size) {
      for (const [second, bucket] of periods)
        if (second >= startSecond && second < endSecond) visit(second, bucket);
      return;
    }
    for (let second = Math.ceil(startSecond / step) * step; second < endSecond; second += step) {
      const bucket = periods.get(second);
      if (bucket) visit(second, bucket);
    }
  }
}
