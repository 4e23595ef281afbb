import * as z from 'zod/mini';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';
import { Digest, VersionNumber } from './version.ts';

const served = {
  version: VersionNumber,
  digest: Digest,
  /** The SageMaker endpoint that answers for it; absent where Lambda opens the artifact itself. */
  endpoint: z.optional(z.string()),
};
export const ServedVersion = z.object(served);
export type ServedVersion = z.infer<typeof ServedVersion>;

const Challenger = z.object({
  ...served,
  /** Id of the promotion; its salts `<id>/expose` and `<id>/variant` assign the units. */
  promotion: z.string(),
  /** Units exposed, in 1/10,000; half of them get the challenger. 0 while in shadow. */
  exposureBasisPoints: z.int().check(z.gte(0), z.lte(10_000)),
  /** Declined rows of exposed units that are accepted all the same, in 1/10,000 and in either arm. */
  randomAcceptBasisPoints: z.optional(z.int().check(z.gte(0), z.lte(10_000))),
  /** Whether recorded requests are run once more off the caller's path: to compare, later for covariates. */
  isShadowed: z.boolean(),
  /** A lease: nobody sees the challenger after this unless a look has renewed it. */
  expiresAt: Instant,
});

/**
 * Which versions of a model serve, and to whom. Not strict: while a deployment rolls out, older code reads
 * what newer code has written. One per model, changed by compare-and-set of `epoch`.
 */
export const Route = z.object({
  model: ModelName,
  epoch: z.int().check(z.gte(1)),
  champion: ServedVersion,
  /** Kept warm for an instant return, and served where the champion's artifact turns out broken. */
  formerChampion: z.optional(ServedVersion),
  challenger: z.optional(Challenger),
  changedAt: Instant,
  changedBy: z.string(),
  reason: z.string(),
});
export type Route = z.infer<typeof Route>;
