import * as z from 'zod/mini';
import { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import { strictObject } from '../contracts/strict-object.ts';
import { Digest, VersionNumber } from '../contracts/version.ts';

const Text = z.string().check(z.maxLength(LIMITS.textCharacters));
const Reason = Text.check(z.minLength(1));

/** Asks for a place to PUT an artifact to. */
export const UploadRequest = strictObject({
  digest: Digest,
  sizeBytes: z.int().check(z.gte(1), z.lte(LIMITS.artifactBytes)),
});

/** Makes an uploaded artifact a version. */
export const RegisterRequest = strictObject({
  uploadId: z.string().check(z.regex(/^[0-9a-f-]{36}$/)),
  digest: Digest,
  description: z._default(Text, ''),
  /** Of the rows that the version was trained on: drift is measured from it. */
  profile: z.optional(DatasetProfile),
});

export const ChampionRequestBody = strictObject({
  champion: VersionNumber,
  expectedEpoch: z.int().check(z.gte(0)),
  reason: Reason,
});
