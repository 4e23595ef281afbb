import type { SeededRandom } from '../../../../functions/measures/seeded-random.ts';
import type { Instance, LabelledRows } from '../../../../functions/retrain/labelled-rows.ts';

const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** The demo's teams work in Berlin; winter time the whole year keeps a wall clock a plain sum. */
const OFFSET_MS = HOUR_MS;
/** 2026-09-01T00:00:00Z, where rows begin unless told otherwise. */
const FIRST_DAY_MS = 1_788_220_800_000;

export interface WorldOptions {
  /** How far the world has moved from what models were trained on, 0 (not at all) to 1. */
  readonly drift?: number;
  /** When the first row happens, in epoch milliseconds. */
  readonly from?: number;
}

/** Rows with the best answer anyone could give: the generator's own mean, expected gain or probability. */
export interface WorldRows extends LabelledRows {
  readonly best: Float64Array;
}

/** What becomes known of one row of a request, and how long after the request. */
export interface TrueOutcome {
  /** Position of the instance, or of the item, in the request. */
  readonly row: number;
  /** Minutes, relevance or class, as the spec's label. */
  readonly outcome: number | string;
  readonly delayMs: number;
}

export interface SimulatedRequest {
  /** When the caller asks, in epoch milliseconds; the body's timestamps agree with it. */
  readonly atMs: number;
  readonly route: 'predict' | 'rank';
  readonly body:
    | { readonly unit: string; readonly instances: readonly Instance[] }
    | { readonly unit: string; readonly query: Instance; readonly items: readonly Instance[] };
  /** Only what somebody will report; silence about a row is an outcome too, where the spec says so. */
  readonly outcomes: readonly TrueOutcome[];
}

/** A seeded source of realistic rows for one model, whose truth is known. */
export interface World {
  /** Name of the model. */
  readonly model: string;
  /** Rows in time order, 90 days of them, about `rows` for ranking (queries are whole). */
  dataset(rows: number, seed: number, options?: WorldOptions): WorldRows;
  /** Endless traffic in time order. */
  requests(seed: number, options?: WorldOptions): Generator<SimulatedRequest, never, void>;
}

/** Moments spread evenly over the 90 days before retraining, or from `from` on. */
export function moments(
  rows: number,
  { from = FIRST_DAY_MS }: WorldOptions,
): (at: number) => number {
  const step = (90 * DAY_MS) / rows;
  return (at) => from + Math.floor(at * step);
}

export interface WallClock {
  /** RFC 3339 with the offset. */
  readonly text: string;
  /** [0, 24) */
  readonly hour: number;
  /** Monday = 0. */
  readonly weekday: number;
}

export function wallClock(atMs: number): WallClock {
  const local = atMs + OFFSET_MS;
  const text = new Date(local).toISOString();
  // 1970-01-01 was a Thursday.
  const weekday = (Math.floor(local / DAY_MS) + 3) % 7;
  const hour = (Math.floor(local / 1000) % 86_400) / 3600;
  return { text: `${text.slice(0, 19)}+01:00`, hour, weekday };
}

/**
 * Moves a moment of a day to where people are active, keeping the day.
 * @param busyHours hours that moments concentrate around, with their spread in hours.
 */
export function busyMoment(
  atMs: number,
  busyHours: readonly (readonly [hour: number, spread: number])[],
  random: SeededRandom,
): number {
  const [hour, spread] = busyHours[random.integer(busyHours.length)] ?? [12, 4];
  const wanted = Math.min(Math.max(hour + spread * random.normal(), 0), 23.99);
  const day = Math.floor((atMs + OFFSET_MS) / DAY_MS) * DAY_MS - OFFSET_MS;
  return day + Math.floor(wanted * 3600) * 1000;
}

export const pick = <Value>(
  values: readonly Value[],
  random: SeededRandom,
  fallback: Value,
): Value => values[random.integer(values.length)] ?? fallback;

/** Draws by weight; weights need not sum to 1. */
export function pickWeighted<Name extends string>(
  weights: Readonly<Partial<Record<Name, number>>>,
  random: SeededRandom,
): Name {
  const names = Object.keys(weights) as Name[];
  let left = random.next() * names.reduce((sum, name) => sum + (weights[name] ?? 0), 0);
  for (const name of names) {
    left -= weights[name] ?? 0;
    if (left < 0) return name;
  }
  return names[0] as Name;
}

/** Knuth's method, good for the small means of queues and bursts. */
export function poisson(mean: number, random: SeededRandom): number {
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count++;
  return count;
}

export const clamp = (value: number, least: number, most: number): number =>
  Math.min(Math.max(value, least), most);

export const logistic = (value: number): number => 1 / (1 + Math.exp(-value));

export const rounded = (value: number, digits: number): number =>
  Math.round(value * 10 ** digits) / 10 ** digits;
