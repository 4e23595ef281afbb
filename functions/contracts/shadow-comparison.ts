import * as z from 'zod/mini';

/** How the challenger answered one recorded request, beside the champion's own answer to it. */
export const ShadowComparison = z.object({
  rows: z.int(),
  /** Rows decided alike: within the tolerance, on one side of the threshold, or the share of the top k in common. */
  agreed: z.number(),
  /** Rows on the other side of the threshold; 0 for other tasks. */
  flipped: z.int(),
  /** Champion and challenger, of up to the first ten rows. */
  scores: z.array(z.tuple([z.number(), z.number()])),
  latencyMs: z.number(),
  /** The challenger could not answer; then it agrees in nothing. */
  failed: z.boolean(),
  /** What the request is counted under: a slice of the spec and its value. */
  segments: z.record(z.string(), z.string()),
});
export type ShadowComparison = z.infer<typeof ShadowComparison>;
