import { LIMITS } from '../contracts/limits.ts';
import type { LinePart, LoggedTensor, PredictionLine } from '../contracts/prediction-line.ts';
import { SERVING_METRICS } from '../contracts/serving-metric.ts';
import { joinObjects, metricWriter } from '../runtime/embedded-metrics.ts';
import type { Tensor } from './tensor.ts';

export type ServingMetric = keyof typeof SERVING_METRICS;
export type Measurements = Partial<Record<ServingMetric, number>>;

export const embeddedMetrics = metricWriter<ServingMetric>(SERVING_METRICS);

/**
 * The lines of one prediction: a single one with its metrics, or, when that is too long for a log event,
 * a short one with the metrics and numbered parts of the rest.
 * @param metrics the text of a JSON object.
 */
export function predictionLines(line: PredictionLine, metrics: string): string[] {
  const text = JSON.stringify(line);
  const whole = joinObjects(metrics, text);
  if (fitsLogEvent(whole)) return [whole];
  const { predictionId: id, isShadowed } = line;
  const pieces = cutIntoPieces(text);
  const parts = pieces.map((piece, at): string => {
    const part: LinePart = {
      kind: 'part',
      id,
      part: at + 1,
      of: pieces.length,
      isShadowed,
      text: piece,
    };
    return JSON.stringify(part);
  });
  const head = { kind: 'prediction-in-parts', predictionId: id, parts: pieces.length };
  return [joinObjects(metrics, JSON.stringify(head)), ...parts];
}

/** Counting UTF-8 costs a pass, which a short line is spared. */
const fitsLogEvent = (text: string): boolean =>
  text.length * 3 <= LIMITS.logEventBytes || Buffer.byteLength(text) <= LIMITS.logEventBytes;

/** JSON in JSON escapes quotes, and UTF-8 takes up to 3 bytes a UTF-16 unit: a third leaves room for both. */
const PIECE_CHARACTERS = Math.floor(LIMITS.logEventBytes / 3) - 200;

function cutIntoPieces(text: string): string[] {
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
