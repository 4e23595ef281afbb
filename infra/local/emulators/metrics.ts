import * as z from 'zod';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
const EmbeddedMetrics = z.looseObject({
  _aws: z.object({
    Timestamp: z.int(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string(),
        Dimensions: z.array(z.array(z.string()).max(30)),
        Metrics: z
          .array(
            z.object({
              Name: z.string(),
              Unit: z.string().optional(),
              StorageResolution: z.literal([1, 60]).optional(),
            }),
          )
          .max(100),
      }),
    ),
  }),
});

export interface Statistics {
  readonly count: number;
  readonly sum: number;
  readonly minimum: number;
  readonly maximum: number;
}

type Dimensions = Readonly<Record<string, string>>;

/** CloudWatch keeps values of one second for three hours. */
const RETENTION_MS = 3 * 3_600_000;

const EMPTY: Statistics = {
  count: 0,
  sum: 0,
  minimum: Number.POSITIVE_INFINITY,
  maximum: Number.NEGATIVE_INFINITY,
};

const merge = (a: Statistics, b: Statistics): Statistics => ({
  count: a.count + b.count,
  sum: a.sum + b.sum,
  minimum: Math.min(a.minimum, b.minimum),
  maximum: Math.max(a.maximum, b.maximum),
});

const seriesOf = (namespace: string, name: string, dimensions: Dimensions): string =>
  JSON.stringify([
    namespace,
    name,
    Object.entries(dimensions).toSorted(([a], [b]) => a.localeCompare(b)),
  ]);

function parseDocument(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}

/** Metric values taken out of logs, as statistics of each second. */
export class MetricStore {
  readonly #series = new Map<string, Map<number, Statistics>>();

  /** Takes the metrics out of a log event. @returns why it could not, for events that claim to hold some. */
  extract(message: string): string | undefined {
    if (!message.startsWith('{"_aws"')) return undefined;
    const document = parseDocument(message);
    // A function that was killed has written half a line.
    if (document === undefined) return 'the event is no JSON document';
    const parsed = EmbeddedMetrics.safeParse(document);
    if (!parsed.success) return z.prettifyError(parsed.error);
    const { _aws: directive, ...members } = parsed.data;
    for (const { Namespace, Dimensions, Metrics } of directive.CloudWatchMetrics)
      for (const keys of Dimensions)
        for (const { Name } of Metrics) {
          const dimensions = Object.fromEntries(keys.map((key) => [key, String(members[key])]));
          this.#put(seriesOf(Namespace, Name, dimensions), directive.Timestamp, members[Name]);
        }
    return undefined;
  }

  /** Statistics over everything kept, under exactly these dimensions. */
  statistics(namespace: string, name: string, dimensions: Dimensions): Statistics {
    const seconds = this.#series.get(seriesOf(namespace, name, dimensions));
    return [...(seconds?.values() ?? [])].reduce(merge, EMPTY);
  }

  #put(series: string, timestampMs: number, value: unknown): void {
    const seconds = this.#series.get(series) ?? new Map<number, Statistics>();
    this.#series.set(series, seconds);
    const second = Math.floor(timestampMs / 1000);
    for (const each of Array.isArray(value) ? value : [value]) {
      if (typeof each !== 'number') continue;
      const one = { count: 1, sum: each, minimum: each, maximum: each };
      seconds.set(second, merge(seconds.get(second) ?? EMPTY, one));
    }
    // Insertion order is nearly time order, so the oldest come first.
    for (const old of seconds.keys()) {
      if (old * 1000 >= timestampMs - RETENTION_MS) break;
      seconds.delete(old);
    }
  }
}
