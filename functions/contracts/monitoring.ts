import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const count = z.int().check(z.gte(1));
const positive = z.number().check(z.positive());

/** `high` pages at once and must be resolved within the response policy's limit; `low` waits for working hours. */
export const Severity = z.enum(['high', 'low']);
export type Severity = z.infer<typeof Severity>;

/** An alarm is an objective that is being missed. */
const Objective = strictObject({
  metric: z.string(),
  comparison: z.enum(['at-most', 'at-least']),
  threshold: z.number(),
  severity: Severity,
  /** No verdict on a window with fewer matured outcomes, or requests where no outcome is needed: small windows say nothing. */
  minimumLabels: count,
  /** M out of N periods of the cadence. */
  periods: strictObject({ missed: count, of: count }),
  /** Silence this long is an alarm of its own; it is never OK. */
  silenceMinutes: count,
});
export type Objective = z.infer<typeof Objective>;

export const Monitoring = strictObject({
  /** How soon a missed objective must be seen: alarm periods of 10 s, 60 s and 1 h. */
  cadence: z.enum(['second', 'minute', 'hour']),
  objectives: z.array(Objective).check(z.minLength(1)),
  outcomes: strictObject({
    /** A prediction younger than this is not judged. */
    maturityHours: positive,
    /** Outcomes later than this are refused. */
    horizonHours: positive,
    /**
     * What a prediction without an outcome means at maturity; `unknown` leaves it out. Of a row that was
     * declined, where that hides its outcome, silence means nothing.
     */
    silenceMeans: z.enum(['unknown', 'negative']),
  }),
  drift: strictObject({
    /** Population stability index that opens a ticket, subject to the sample-size rule. */
    psi: positive,
    /** Fewer rows in a window give no verdict: with 10 bins, noise alone passes 0.1 below 500 rows. */
    minimumRows: z.int().check(z.gte(500)),
    windowHours: positive,
  }),
});
export type Monitoring = z.infer<typeof Monitoring>;
