import * as z from 'zod/mini';
import { Instant } from '../contracts/instant.ts';
import { ModelName } from '../contracts/model-name.ts';
import { PromotionId, PromotionPlace } from '../contracts/promotion.ts';

const Sums = z.object({
  n: z.number(),
  sy: z.number(),
  syy: z.number(),
  sx: z.number(),
  sxx: z.number(),
  sxy: z.number(),
});
const arms = <Value extends z.core.$ZodType>(value: Value) =>
  z.object({ champion: value, challenger: value });

/** What one metric's sums are: y a unit and its covariate, or numerator and denominator a unit. */
export const MetricSums = z.object({
  metric: z.string(),
  kind: z.enum(['mean', 'ratio']),
  arms: arms(Sums),
  /** Units whose covariate is known over all units; 0 for ratios. */
  covariateShare: z.number(),
  /** Units with an event, and without, by arm; for metrics that are shares. */
  events: z.optional(arms(z.object({ with: z.int(), without: z.int() }))),
});
export type MetricSums = z.infer<typeof MetricSums>;

/** Everything a look was judged by, so that its verdict can be derived again from this alone. */
export const LookEvidence = z.object({
  days: z.number(),
  alarms: arms(z.array(z.string())),
  rareEvents: z.optional(z.object({ challenger: z.int(), total: z.int(), share: z.number() })),
  exposed: arms(z.int()),
  mixedUnits: z.int(),
  data: z.enum(['complete', 'silent', 'failed']),
  incompleteHours: z.number(),
  metrics: z.array(MetricSums),
  hasSucceeded: z.boolean(),
});
export type LookEvidence = z.infer<typeof LookEvidence>;

/** One look at a promotion, as it is kept. */
export const Look = z.object({
  promotion: PromotionId,
  model: ModelName,
  at: Instant,
  place: PromotionPlace,
  plannedUnits: z.optional(z.int()),
  evidence: LookEvidence,
  verdict: z.string(),
  rule: z.string(),
  reason: z.string(),
  hasSucceeded: z.boolean(),
});
export type Look = z.infer<typeof Look>;
