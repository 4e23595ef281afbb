import * as z from 'zod/mini';
import { AskedLine, LoggedTensor, Sealed } from './prediction-line.ts';
import { ServedVersion } from './route.ts';

/**
 * Requests for a named version, off the record: nothing is logged as a prediction, and no caller waits. A
 * function of the model's own configuration answers, so that its times and its memory are the real ones.
 */
export const TrialRequest = z.object({
  served: ServedVersion,
  requests: z.array(
    z.object({
      /** Of a recorded request, whose sealed values are bound to it. */
      predictionId: z.optional(z.string()),
      asked: AskedLine,
      sealed: z.optional(Sealed),
    }),
  ),
  /** Each request is answered this often; outputs are those of the first time. */
  repeat: z.int().check(z.gte(1)),
});
export type TrialRequest = z.infer<typeof TrialRequest>;

export const TrialAnswer = z.object({
  /** From the start of this environment's process until it was ready. */
  initMs: z.number(),
  /** From the artifact in S3 to a version that is ready, when this environment opened it. */
  openMs: z.number(),
  /** Resident set of the process after the last request. */
  memoryMb: z.number(),
  answers: z.array(
    z.object({
      /** One a repetition. */
      timesMs: z.array(z.number()),
      outputs: z.optional(z.array(LoggedTensor)),
      /** Why it could not be answered. */
      failure: z.optional(z.string()),
    }),
  ),
});
export type TrialAnswer = z.infer<typeof TrialAnswer>;
