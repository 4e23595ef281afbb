import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';

type RefusalCode =
  | 'BAD_BODY'
  | 'BAD_REQUEST'
  | 'PATH_NOT_FOUND'
  | 'BODY_TOO_LARGE'
  | 'REPLY_TOO_LARGE'
  | 'UNSUPPORTED_CONTENT_TYPE'
  | 'UNSUPPORTED_CONTENT_ENCODING';

/** The caller's request cannot be answered as it is; message and details say where and what to change. */
export class RequestRefused extends ApiError {
  constructor(
    status: 400 | 404 | 413 | 415,
    code: RefusalCode,
    message: string,
    details: readonly string[] = [],
  ) {
    super(status, code, message, details);
  }
}

/** A version answered something its spec does not announce: the model's fault, so a 500 and its fallback. */
export class ModelMisbehaved extends Error {
  override readonly name = 'ModelMisbehaved';
}

/** Collects every offending field of one request, bounded, so that a client is mended in one go. */
export class Faults {
  readonly #listed: string[] = [];

  get any(): boolean {
    return this.#listed.length > 0;
  }

  /**
   * @param path such as `instances[3].weightKg`.
   * @throws RequestRefused once the list is full: reading on would be work for a hostile caller.
   */
  add(path: string, problem: string): undefined {
    this.#listed.push(`${path}: ${problem}`);
    if (this.#listed.length === LIMITS.faultsListed) throw this.#refusal(' or more');
  }

  /** @throws RequestRefused (400) when anything was added. */
  settle(): void {
    if (this.any) throw this.#refusal('');
  }

  /** Open Inference Protocol clients show `error` only, so the first faults stand in it. */
  #refusal(orMore: string): RequestRefused {
    const [first = '', second, third] = this.#listed;
    const message =
      second === undefined
        ? first
        : `${this.#listed.length}${orMore} faults: ${first}; ${second}${third === undefined ? '' : '; …'}`;
    return new RequestRefused(400, 'BAD_REQUEST', message, this.#listed);
  }
}

const QUOTED_CHARACTERS = 60;

/** What a caller wrote, in quotes, escaped and short enough for a message. */
export const quoted = (text: string): string =>
  JSON.stringify(text.length > QUOTED_CHARACTERS ? `${text.slice(0, QUOTED_CHARACTERS)}…` : text);

/** What came instead of the expected JSON value: numbers and booleans themselves, else the kind. */
export function kindOf(value: unknown): string {
  if (value === null) return 'null';
  if (value === undefined) return 'nothing';
  if (typeof value === 'string') return 'text';
  if (typeof value === 'object') return Array.isArray(value) ? 'a list' : 'an object';
  return typeof value === 'number' || typeof value === 'boolean' || typeof value === 'bigint'
    ? String(value)
    : 'no JSON value';
}
