import * as z from 'zod/mini';
import { DatasetDigest } from './dataset.ts';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';
import { strictObject } from './strict-object.ts';
import { Digest, VersionNumber } from './version.ts';

/** Also the experiment's key: its salts assign the units. Never reused, so that a new try draws anew. */
export const PromotionId = z.string().check(z.regex(/^[a-z][a-z0-9-]{0,39}-p[1-9][0-9]{0,5}$/));

/** Of `<model>-p<number>`. */
export const modelOfPromotion = (id: string): string => id.replace(/-p[0-9]+$/, '');

const Text = z.string().check(z.minLength(1), z.maxLength(2_000));

/** What is to be learned; required before anything starts, so that the verdict says something. */
export const Hypothesis = strictObject({
  /** What was changed. */
  change: Text,
  /** Why that should help. */
  why: Text,
  /** What is expected of which metric: `mae falls by 3 %`. */
  expectedEffect: Text,
  /** Where the data analysis behind it is. */
  analysis: z.url(),
});
export type Hypothesis = z.infer<typeof Hypothesis>;

/** `inconclusive` keeps the champion, as `rolled-back`, `rejected` and `aborted` do. */
export const PromotionEnding = z.enum([
  'promoted',
  'rolled-back',
  'rejected',
  'inconclusive',
  'aborted',
]);
export type PromotionEnding = z.infer<typeof PromotionEnding>;

export const PromotionState = z.union([z.literal('running'), PromotionEnding]);
export type PromotionState = z.infer<typeof PromotionState>;

/** Where it stands in its plan: the step by its position, and the rung of a ramp. */
export const PromotionPlace = z.object({
  step: z.int().check(z.gte(0)),
  rung: z.optional(z.int().check(z.gte(0))),
});
export type PromotionPlace = z.infer<typeof PromotionPlace>;

/** Whether the idea behind a promotion turned out good. */
export const IdeaVerdict = z.enum(['good', 'bad', 'undecided']);
export type IdeaVerdict = z.infer<typeof IdeaVerdict>;

export const Promotion = z.object({
  id: PromotionId,
  model: ModelName,
  version: VersionNumber,
  digest: Digest,
  /** The champion it began against. */
  champion: z.object({ version: VersionNumber, digest: Digest }),
  /** SHA-256 of the spec's JSON; a promotion does not outlive a change of its spec. */
  specDigest: z.string(),
  /** The validation set it began with; absent where the plan has no offline step. */
  dataset: z.optional(z.object({ digest: DatasetDigest, epoch: z.int() })),
  hypothesis: Hypothesis,
  state: PromotionState,
  place: PromotionPlace,
  /** When the place was reached: gates read nothing from before. */
  placeSince: Instant,
  /** When units first met the version; absent before, and where its first place exposes them. */
  exposedSince: z.optional(Instant),
  /** Of both arms, for the A/B step; fixed at its first look. */
  plannedUnits: z.optional(z.int()),
  startedAt: Instant,
  startedBy: z.string(),
  executionArn: z.optional(z.string()),
  /** While, and after, somebody has to decide. The token lets the machine go on; it is never shown. */
  approval: z.optional(
    z.object({
      token: z.string(),
      expiresAt: Instant,
      decision: z.optional(
        z.object({ isApproved: z.boolean(), reason: z.string(), by: z.string(), at: Instant }),
      ),
    }),
  ),
  endedAt: z.optional(Instant),
  endedBy: z.optional(z.string()),
  reason: z.optional(z.string()),
  idea: z.optional(IdeaVerdict),
  /** Who made its version the champion although the test ended inconclusive, and why. */
  overridden: z.optional(z.object({ by: z.string(), reason: z.string(), at: Instant })),
});
export type Promotion = z.infer<typeof Promotion>;

/** What an ending says of the idea. */
export const ideaOf = (ending: PromotionEnding): IdeaVerdict => {
  switch (ending) {
    case 'promoted':
      return 'good';
    case 'rolled-back':
    case 'rejected':
      return 'bad';
    case 'inconclusive':
    case 'aborted':
      return 'undecided';
  }
};

/** What a state of the machine hands to its function. */
export const StepInput = z.object({
  model: ModelName,
  promotion: PromotionId,
  place: PromotionPlace,
  /** The function that tries versions of the model; of gates that need it. */
  trial: z.optional(z.string()),
});
export type StepInput = z.infer<typeof StepInput>;

/**
 * What a step tells the machine. `HOLD` asks again later, `PREPARING` as soon as the endpoint of the version
 * may be there; `ENDED`: somebody else has ended the promotion.
 * The machine takes it from there by this word alone.
 */
export type StepVerdict =
  | 'PASS'
  | 'FAIL'
  | 'HOLD'
  | 'PREPARING'
  | 'CONTINUE'
  | 'ROLLBACK'
  | 'INCONCLUSIVE'
  | 'ENDED';

export interface StepResult {
  readonly verdict: StepVerdict;
  readonly reason: string;
}
