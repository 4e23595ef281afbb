import { LIMITS } from '../contracts/limits.ts';
import type { LinePart, LoggedTensor, PredictionLine } from '../contracts/prediction-line.ts';
import { METRIC_NAMESPACE, SERVING_METRICS } from '../contracts/serving-metric.ts';
import type { Tensor } from './tensor.ts';

export type ServingMetric = keyof typeof SERVING_METRICS;
export type Measurements = Partial<Record<ServingMetric, number>>;

/** By model for the whole, by model and arm for comparison: dimensions are known when alarms are made. */
const BY_MODEL = [['Model']];
const BY_MODEL_AND_ARM = [['Model'], ['Model', 'Arm']];

/**
 * Members that make a log line carry metrics: the embedded metric format.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
 * @param resolutionSeconds 1 where the model's cadence is a second, else 60.
 */
export function embeddedMetrics(
  nowMs: number,
  dimensions: { readonly Model: string; readonly Arm?: string },
  measured: Measurements,
  resolutionSeconds: 1 | 60,
): Record<string, unknown> {
  const definitions = [];
  const values: Record<string, unknown> = { ...dimensions };
  for (const key in measured) {
    const { name, unit } = SERVING_METRICS[key as ServingMetric];
    definitions.push({ Name: name, Unit: unit, StorageResolution: resolutionSeconds });
    values[name] = measured[key as ServingMetric];
  }
  const Dimensions = dimensions.Arm === undefined ? BY_MODEL : BY_MODEL_AND_ARM;
  return {
    _aws: {
      Timestamp: Math.floor(nowMs),
      CloudWatchMetrics: [{ Namespace: METRIC_NAMESPACE, Dimensions, Metrics: definitions }],
    },
    ...values,
  };
}

/**
 * The lines of one prediction: a single one with its metrics, or, when that is too long for a log event,
 * a short one with the metrics and numbered parts of the rest.
 */
export function predictionLines(
  line: PredictionLine,
  metrics: Readonly<Record<string, unknown>>,
): string[] {
  const whole = JSON.stringify({ ...metrics, ...line });
  if (Buffer.byteLength(whole) <= LIMITS.logEventBytes) return [whole];
  const { predictionId: id, isShadowed } = line;
  const pieces = pieceTogether(JSON.stringify(line));
  const parts = pieces.map((text, at): string => {
    const part: LinePart = { kind: 'part', id, part: at + 1, of: pieces.length, isShadowed, text };
    return JSON.stringify(part);
  });
  return [
    JSON.stringify({
      ...metrics,
      kind: 'prediction-in-parts',
      predictionId: id,
      parts: pieces.length,
    }),
    ...parts,
  ];
}

/** JSON in JSON escapes quotes, and UTF-8 takes up to 3 bytes a UTF-16 unit: a third leaves room for both. */
const PIECE_CHARACTERS = Math.floor(LIMITS.logEventBytes / 3) - 200;

function pieceTogether(text: string): string[] {
  const pieces: string[] = [];
  for (let at = 0; at < text.length; ) {
    let end = Math.min(at + PIECE_CHARACTERS, text.length);
    // A surrogate pair stays whole, or both halves would be replaced in UTF-8.
    const last = text.charCodeAt(end - 1);
    if (end < text.length && last >= 0xd800 && last <= 0xdbff) end -= 1;
    pieces.push(text.slice(at, end));
    at = end;
  }
  return pieces;
}

export function loggedTensor({ name, datatype, shape, data }: Tensor): LoggedTensor {
  return {
    name,
    datatype,
    shape: [...shape],
    data: Array.from<number | bigint | string, number | string | null>(data, loggedValue),
  };
}

function loggedValue(value: number | bigint | string): number | string | null {
  if (typeof value === 'bigint')
    return Number.isSafeInteger(Number(value)) ? Number(value) : String(value);
  if (typeof value === 'string') return value;
  return Number.isFinite(value) ? value : null;
}
