import * as z from 'zod';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html */
const EmbeddedMetrics = z.looseObject({
  _aws: z.object({
    Timestamp: z.int(),
    CloudWatchMetrics: z.array(
      z.object({
        Namespace: z.string().min(1).max(1024),
        Dimensions: z.array(z.array(z.string().max(250)).max(30)),
        Metrics: z
          .array(
            z.object({
              Name: z.string().min(1).max(1024),
              Unit: z.string().optional(),
              StorageResolution: z.literal([1, 60]).optional(),
            }),
          )
          .max(100),
      }),
    ),
  }),
});

/** One value, or several, of one metric under one set of dimensions. */
export interface EmbeddedMetric {
  readonly namespace: string;
  readonly name: string;
  readonly dimensions: Readonly<Record<string, string>>;
  readonly unit: string;
  readonly atMs: number;
  readonly isHighResolution: boolean;
  readonly values: readonly number[];
}

/** CloudWatch takes no longer array. */
const MOST_VALUES = 100;

/** The metrics of a log event; none where it claims none. @returns why not, where they are malformed. */
export function readEmbeddedMetrics(message: string): readonly EmbeddedMetric[] | string {
  if (!message.startsWith('{"_aws"')) return [];
  const document = parseDocument(message);
  // A function that was killed has written half a line.
  if (document === undefined) return 'the event is no JSON document';
  const parsed = EmbeddedMetrics.safeParse(document);
  if (!parsed.success) return z.prettifyError(parsed.error);
  const { _aws: directive, ...members } = parsed.data;
  const metrics: EmbeddedMetric[] = [];
  for (const { Namespace: namespace, Dimensions, Metrics } of directive.CloudWatchMetrics)
    for (const keys of Dimensions) {
      const dimensions = Object.fromEntries(keys.map((key) => [key, String(members[key])]));
      for (const { Name: name, Unit: unit = 'None', StorageResolution } of Metrics) {
        const values = numbersIn(members[name]);
        if (values.length > MOST_VALUES)
          return `${name} has ${values.length} values; CloudWatch takes ${MOST_VALUES}`;
        const isHighResolution = StorageResolution === 1;
        const atMs = directive.Timestamp;
        metrics.push({ namespace, name, dimensions, unit, atMs, isHighResolution, values });
      }
    }
  return metrics;
}

function numbersIn(value: unknown): readonly number[] {
  const values: unknown[] = Array.isArray(value) ? value : [value];
  return values.filter((each) => typeof each === 'number');
}

function parseDocument(message: string): unknown {
  try {
    return JSON.parse(message);
  } catch {
    return undefined;
  }
}
