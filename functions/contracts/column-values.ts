import type { Feature } from './feature.ts';
import type { TimestampPart } from './signature.ts';

/** What a caller or a dataset may give for a feature; `undefined` is an absent key. */
export type FeatureValue = string | number | boolean | null | undefined;

const DAYS_BEFORE_MONTH = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];
const DAYS_IN_MONTH = [31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
/** Largest float32 below 24: the last half microsecond of a day would otherwise round up to 24. */
const LAST_HOUR = Math.fround(24 - 2 ** -19);

const isLeapYear = (year: number): boolean =>
  year % 4 === 0 && (year % 100 !== 0 || year % 400 === 0);

/** Two digits at `at`, or NaN. Character codes, since this runs for every row of every request. */
function twoDigits(text: string, at: number): number {
  const tens = text.charCodeAt(at) - 48;
  const ones = text.charCodeAt(at + 1) - 48;
  return tens >= 0 && tens <= 9 && ones >= 0 && ones <= 9 ? tens * 10 + ones : Number.NaN;
}

/** Whole days from 1970-01-01 to a date of the proleptic Gregorian calendar, or NaN for no such date. */
function daysOfDate(year: number, month: number, day: number): number {
  const leapDay = isLeapYear(year) ? 1 : 0;
  const longest = (DAYS_IN_MONTH[month - 1] ?? 0) + (month === 2 ? leapDay : 0);
  if (!(year >= 0 && day >= 1 && day <= longest)) return Number.NaN;
  const before = year - 1;
  const leapDays = Math.floor(before / 4) - Math.floor(before / 100) + Math.floor(before / 400);
  const thisYear = (DAYS_BEFORE_MONTH[month - 1] ?? 0) + (month > 2 ? leapDay : 0) + day - 1;
  // 719,162 days lie between 0001-01-01 and 1970-01-01.
  return before * 365 + leapDays + thisYear - 719_162;
}

/** Index after `.123`, or `at` where no fraction begins; NaN for a point without digits. */
function endOfFraction(text: string, at: number): number {
  if (text.charCodeAt(at) !== 46) return at;
  let end = at + 1;
  while (end < text.length && text.charCodeAt(end) >= 48 && text.charCodeAt(end) <= 57) end++;
  return end === at + 1 ? Number.NaN : end;
}

/** Seconds east of UTC of the `Z` or `+01:00` that must end the text, or NaN. */
function offsetSeconds(text: string, at: number): number {
  const sign = text.charCodeAt(at);
  if ((sign === 90 || sign === 122) && text.length === at + 1) return 0;
  if ((sign !== 43 && sign !== 45) || text.length !== at + 6 || text.charCodeAt(at + 3) !== 58)
    return Number.NaN;
  const hours = twoDigits(text, at + 1);
  const minutes = twoDigits(text, at + 4);
  if (!(hours <= 23 && minutes <= 59)) return Number.NaN;
  return (sign === 43 ? 1 : -1) * (hours * 3600 + minutes * 60);
}

const isSeparator = (code: number): boolean => code === 84 || code === 116 || code === 32;

/** Whether `-`, `T` and `:` stand where they do in `2026-11-23T18:30:00`. */
const hasShape = (text: string): boolean =>
  text.charCodeAt(4) === 45 &&
  text.charCodeAt(7) === 45 &&
  isSeparator(text.charCodeAt(10)) &&
  text.charCodeAt(13) === 58 &&
  text.charCodeAt(16) === 58;

/** Whole seconds since the text's own midnight, or NaN. */
function secondsOfDay(text: string): number {
  const hours = twoDigits(text, 11);
  const minutes = twoDigits(text, 14);
  const seconds = twoDigits(text, 17);
  const exists = hours <= 23 && minutes <= 59 && seconds <= 59;
  return exists ? hours * 3600 + minutes * 60 + seconds : Number.NaN;
}

/** The parts of an instant's text, or undefined when it is none. */
function readInstant(text: string) {
  if (!hasShape(text)) return undefined;
  const year = twoDigits(text, 0) * 100 + twoDigits(text, 2);
  const days = daysOfDate(year, twoDigits(text, 5), twoDigits(text, 8));
  const seconds = secondsOfDay(text);
  const end = endOfFraction(text, 19);
  const offset = offsetSeconds(text, end);
  return Number.isNaN(days + seconds + offset) ? undefined : { days, seconds, end, offset };
}

const fractionOf = (text: string, end: number): number =>
  end === 19 ? 0 : Number(text.slice(19, end));

/**
 * @param text RFC 3339 with an offset, `2026-11-23T18:30:00.5+01:00`; a leap second (`:60`) is refused.
 * @returns hours [0, 24) and weekday (Monday = 0) of the text's own wall clock, or whole days of UTC since
 * 1970; undefined when the text is no such instant.
 */
export function timestampPart(text: string, part: TimestampPart): number | undefined {
  const instant = readInstant(text);
  if (!instant) return undefined;
  const { days, seconds, end, offset } = instant;
  if (part === 'day-of-week') return (((days + 3) % 7) + 7) % 7;
  if (part === 'days-since-epoch') return days + Math.floor((seconds - offset) / 86_400);
  return Math.min(Math.fround((seconds + fractionOf(text, end)) / 3600), LAST_HOUR);
}

/** Milliseconds since 1970 of such a text, with fraction; undefined when it is no instant. */
export function epochMs(text: string): number | undefined {
  const instant = readInstant(text);
  if (!instant) return undefined;
  const { days, seconds, end, offset } = instant;
  return (days * 86_400 + seconds - offset) * 1000 + fractionOf(text, end) * 1000;
}

function numberValue(value: number): number | undefined {
  const float32 = Math.fround(value);
  return Number.isFinite(float32) || Number.isNaN(value) ? float32 : undefined;
}

/**
 * The float32 an FP32 column holds for a feature's value; the same for the trainer and for serving.
 * @param part which part of a timestamp the column takes; ignored for other features.
 * @returns NaN when the value is missing (null or absent); undefined when it does not fit the feature:
 * wrong type, no instant, or a number beyond float32. The caller says which value of which row it was.
 */
export function columnValue(
  feature: Pick<Feature, 'kind'>,
  part: TimestampPart | undefined,
  value: FeatureValue,
): number | undefined {
  if (value === null || value === undefined) return Number.NaN;
  if (typeof value === 'number') return feature.kind === 'number' ? numberValue(value) : undefined;
  if (typeof value === 'boolean') return feature.kind === 'boolean' ? Number(value) : undefined;
  if (feature.kind !== 'timestamp' || part === undefined) return undefined;
  return timestampPart(value, part);
}

/** The text a BYTES column holds: `''` when missing; undefined when the value is no text. */
export function categoryValue(value: FeatureValue): string | undefined {
  if (value === null || value === undefined) return '';
  return typeof value === 'string' ? value : undefined;
}
