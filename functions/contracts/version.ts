import * as z from 'zod/mini';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';

/** `1`, `2`, …: Triton's clients send digits only. Never reused. */
export const VersionNumber = z
  .string()
  .check(z.regex(/^[1-9][0-9]{0,9}$/))
  .brand('VersionNumber');
export type VersionNumber = z.infer<typeof VersionNumber>;

/** SHA-256 of the artifact, lower-case hex: the identity of a version. */
export const Digest = z
  .string()
  .check(z.regex(/^[0-9a-f]{64}$/))
  .brand('Digest');
export type Digest = z.infer<typeof Digest>;

/** Where a version stands. */
export const Stage = z.enum([
  'registered',
  'evaluated',
  'pilot',
  'ab',
  'production',
  'retired',
  'rejected',
  'rolled-back',
]);

/** Not strict, as routes are not: older code reads what newer code has written. */
export const Version = z.object({
  model: ModelName,
  version: VersionNumber,
  digest: Digest,
  sizeBytes: z.int(),
  stage: Stage,
  description: z.string(),
  /** What the graph says of itself: trainer, features, whatever its maker wrote down. */
  metadata: z.record(z.string(), z.string()),
  opsets: z.array(z.object({ domain: z.string(), version: z.int() })),
  registeredAt: Instant,
  registeredBy: z.string(),
});
export type Version = z.infer<typeof Version>;

/**
 * Where an artifact lies in the artifact bucket. The digest makes it immutable; below it the layout is
 * Triton's model repository, so that SageMaker can host the same object Lambda opens.
 */
export const artifactPrefix = (digest: Digest): string => `artifacts/${digest}/`;
/** What the version was made from, beside its artifact. */
export const profileKey = (digest: Digest): string => `${artifactPrefix(digest)}profile.json`;
export const artifactKey = (model: string, digest: Digest): string =>
  `${artifactPrefix(digest)}${model}/1/model.onnx`;
