import type { Instant } from '../contracts/instant.ts';

/** The only source of time. */
export interface Clock {
  /** Milliseconds since the epoch, for ages and expiry. */
  nowMs(): number;
  now(): Instant;
}

/** Set by whoever rehearses the deployment on virtual time; absent on AWS. */
const offsetMs = (): number => Number(process.env['CLOCK_OFFSET_MS'] ?? 0);

export const systemClock: Clock = {
  nowMs: () => Date.now() + offsetMs(),
  now: () => instantOf(Date.now() + offsetMs()),
};

export const instantOf = (epochMs: number): Instant => new Date(epochMs).toISOString() as Instant;

export const epochMsOf = (instant: Instant): number => Date.parse(instant);

/** The same moment in UTC with milliseconds. @param text RFC 3339 with an offset. */
export const utc = (text: string): Instant => instantOf(Date.parse(text));
