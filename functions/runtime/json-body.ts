import type * as z from 'zod/mini';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import { explainIssues } from '../contracts/strict-object.ts';

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

/** @throws ApiError 400. */
export function parseJson(body: Buffer): unknown {
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
