import type { Instant } from '../contracts/instant.ts';
import { COHORT_HOURS } from '../contracts/promotion-pace.ts';
import { epochMsOf, instantOf } from '../runtime/clock.ts';

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;
/**
 * A unit is judged by its requests in this long from its first exposure: windows of one length, so that no
 * arm gains by keeping its units longer.
 */
const WINDOW_MS = DAY_MS;
/**
 * What is on its way through the log arrives within this: what fails is tried again within three minutes by the
 * shadow and by the recorder, and five times in half an hour from the queue of work. What waits longer, since
 * functions were throttled or it was parked, is recorded but not in the hour's counts: a sample that is smaller,
 * not another one.
 */
const RECORDING_MS = 2 * HOUR_MS;

/** The day of UTC on which a unit was first exposed: it is judged with its cohort. */
export const cohortOf = (firstExposedAt: Instant): string => firstExposedAt.slice(0, 10);

const startOf = (day: string): number => epochMsOf(`${day}T00:00:00.000Z` as Instant);

/** Days whose units have all been through their window and whose outcomes have matured; oldest first. */
export function matureCohorts(since: Instant, nowMs: number, maturityHours: number): string[] {
  const days: string[] = [];
  const afterMs = (COHORT_HOURS + maturityHours) * HOUR_MS;
  for (let startMs = startOf(cohortOf(since)); startMs + afterMs <= nowMs; startMs += DAY_MS)
    days.push(cohortOf(instantOf(startMs)));
  return days;
}

/** `2026-11-27T18`: the hours of UTC that overlap a span. */
export function hoursBetween(fromMs: number, untilMs: number): string[] {
  const hours: string[] = [];
  for (let ms = Math.floor(fromMs / HOUR_MS) * HOUR_MS; ms < untilMs; ms += HOUR_MS)
    hours.push(instantOf(ms).slice(0, 13));
  return hours;
}

/** The hours in which units of a cohort may have asked within their window. */
export const hoursOfCohort = (day: string): string[] =>
  hoursBetween(startOf(day), startOf(day) + DAY_MS + WINDOW_MS);

/** Whether a request counts for a unit: within its window, and after it was first exposed. */
export function isInWindow(at: Instant, firstExposedAt: Instant): boolean {
  const sinceMs = epochMsOf(at) - epochMsOf(firstExposedAt);
  return sinceMs >= 0 && sinceMs < WINDOW_MS;
}

/** Whether nothing of an hour can arrive any more, so that it is counted once and for all. */
export const isHourOver = (hour: string, nowMs: number): boolean =>
  epochMsOf(`${hour}:00:00.000Z` as Instant) + HOUR_MS + RECORDING_MS <= nowMs;
