import * as z from 'zod/mini';
import { Instant } from '../contracts/instant.ts';
import { ModelName } from '../contracts/model-name.ts';
import { PromotionId, PromotionPlace, type StepVerdict } from '../contracts/promotion.ts';
import type { TestPlan } from './test-plan.ts';

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
  /** Units with a row that was accepted at random, by arm; where declining hides outcomes. */
  acceptedUnits: z.optional(arms(z.int())),
});
export type MetricSums = z.infer<typeof MetricSums>;

const Segment = z.object({ rows: z.int(), agreement: z.number() });

/** What a shadow showed before any user saw the version. */
const ShadowSummary = z.object({
  requests: z.int(),
  failed: z.int(),
  /** Of rows; absent without any. */
  agreement: z.optional(z.number()),
  flipped: z.int(),
  /** PSI of the challenger's scores against the champion's, over bins of equal mass. */
  scoreStability: z.optional(z.number()),
  p50Ms: z.optional(z.number()),
  p99Ms: z.optional(z.number()),
  /** `slice=value` → agreement, largest slices first. */
  segments: z.record(z.string(), Segment),
  /** Of all that are not among them, together; a row counts once for each of its slices. */
  otherSegments: z.optional(Segment),
});
export type ShadowSummary = z.infer<typeof ShadowSummary>;

/** Everything a look was judged by, so that its verdict can be derived again from this alone. */
export const LookEvidence = z.object({
  days: z.number(),
  alarms: arms(z.array(z.string())),
  rareEvents: z.optional(z.object({ challenger: z.int(), total: z.int(), share: z.number() })),
  /** Requests of enrolled units since the place was opened. */
  requests: z.optional(arms(z.int())),
  exposed: arms(z.int()),
  mixedUnits: z.int(),
  data: z.enum(['complete', 'silent', 'failed']),
  /** What could not be read; of `failed` data. */
  failure: z.optional(z.string()),
  incompleteHours: z.number(),
  metrics: z.array(MetricSums),
  /** What a shadow showed; absent in other places. */
  shadow: z.optional(ShadowSummary),
  hasSucceeded: z.boolean(),
});
export type LookEvidence = z.infer<typeof LookEvidence>;

const Direction = z.literal([1, -1]);

/** What a shadow must show to go on to users. */
const ShadowTerms = z.object({
  hours: z.number(),
  minimumRequests: z.int(),
  /** Smallest share of rows on which both versions decide alike. */
  agreement: z.number(),
});
export type ShadowTerms = z.infer<typeof ShadowTerms>;

/** What was to be tested, as it stood when the place was opened. */
const KeptPlan = z.object({
  metric: z.string(),
  direction: Direction,
  guardrails: z.array(z.object({ metric: z.string(), margin: z.number(), direction: Direction })),
  plannedUnits: z.number(),
  minimumDays: z.number(),
  maximumDays: z.number(),
  /** Of a shadow, which is judged by these terms and not by units. */
  shadow: z.optional(ShadowTerms),
});

/** One look at a promotion, as it is kept. */
export const Look = z.object({
  promotion: PromotionId,
  model: ModelName,
  at: Instant,
  place: PromotionPlace,
  plan: KeptPlan,
  evidence: LookEvidence,
  /** By the decision rule alone. */
  judged: z.object({
    verdict: z.string(),
    rule: z.string(),
    reason: z.string(),
    hasSucceeded: z.boolean(),
  }),
  /** What the machine was told: a pilot and a bake end by the clock where nothing speaks against them. */
  verdict: z.string(),
  reason: z.string(),
});
export type Look = z.infer<typeof Look>;

/** What a look found, before it is kept and told. */
export interface Found {
  readonly plan: TestPlan & Pick<Look['plan'], 'shadow'>;
  readonly evidence: LookEvidence;
  readonly judged: Look['judged'];
  readonly verdict: StepVerdict;
  readonly reason: string;
}
