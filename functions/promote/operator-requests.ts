import * as z from 'zod/mini';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { explainIssues, strictObject } from '../contracts/strict-object.ts';
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
});

export const ChampionRequestBody = strictObject({
  champion: VersionNumber,
  expectedEpoch: z.int().check(z.gte(0)),
  reason: Reason,
});

/** @throws ApiError 400 with the path of every fault. */
export function readBody<Output>(
  schema: { safeParse(value: unknown): z.core.util.SafeParseResult<Output> },
  body: Buffer,
): Output {
  const parsed = schema.safeParse(parseJson(body));
  if (parsed.success) return parsed.data;
  throw new ApiError(
    400,
    'BAD_REQUEST',
    'the body is not what this path takes',
    explainIssues(parsed.error.issues).slice(0, LIMITS.faultsListed),
  );
}

function parseJson(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (error) {
    throw new ApiError(
      400,
      'BAD_JSON',
      `the body is not JSON: ${error instanceof Error ? error.message : String(error)}`,
    );
  }
}
