import { ApiError } from '../contracts/api-error.ts';
import { RequestRefused } from './fault.ts';

/** What a path below one model asks for. `version` is set where the caller names one. */
export type Asked =
  | { readonly kind: 'metadata' | 'ready' | 'infer'; readonly version?: string }
  | { readonly kind: 'predict' | 'rank' };

const METHOD = {
  metadata: 'GET',
  ready: 'GET',
  infer: 'POST',
  predict: 'POST',
  rank: 'POST',
} as const;

/** @param path segments from `v1` or `v2` on. @throws ApiError 404, or 405 with the method that is allowed. */
export function readModelPath(method: string, path: readonly string[]): Asked {
  const asked = findAsked(path);
  if (!asked)
    throw new RequestRefused(
      404,
      'PATH_NOT_FOUND',
      `/${path.join('/')} is not part of this API; see /openapi.json`,
    );
  const allowed = METHOD[asked.kind];
  if (method === allowed) return asked;
  throw new ApiError(
    405,
    'METHOD_NOT_ALLOWED',
    `${method} is not for this path; ${allowed} is`,
    [],
    { allow: allowed },
  );
}

function findAsked([protocol, , , ...rest]: readonly string[]): Asked | undefined {
  if (protocol === 'v1') return rest.length === 1 ? findNamed(rest[0]) : undefined;
  const [first, version, ...after] = rest;
  if (first !== 'versions' || version === undefined) return findInference(rest, {});
  return findInference(after, { version });
}

const findNamed = (verb: string | undefined): Asked | undefined =>
  verb === 'predict' || verb === 'rank' ? { kind: verb } : undefined;

function findInference(
  [verb, ...more]: readonly string[],
  version: { version?: string },
): Asked | undefined {
  if (more.length > 0) return undefined;
  if (verb === undefined) return { kind: 'metadata', ...version };
  return verb === 'ready' || verb === 'infer' ? { kind: verb, ...version } : undefined;
}
