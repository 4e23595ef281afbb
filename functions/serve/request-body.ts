import { isUtf8 } from 'node:buffer';
import { gunzipSync, inflateSync } from 'node:zlib';
import { LIMITS } from '../contracts/limits.ts';
import { type Faults, kindOf, quoted, RequestRefused } from './fault.ts';

/** Names in lower case, as `runtime/api-handler.ts` gives them. */
export type RequestHeaders = Readonly<Record<string, string | undefined>>;

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value);

/**
 * The body as the caller meant it: media type checked, decompressed, within limits.
 * @throws RequestRefused 400 | 413 | 415.
 */
export function openBody(body: Buffer, headers: RequestHeaders): Buffer {
  checkContentType(headers['content-type']);
  if (body.length > LIMITS.requestBodyBytes)
    throw new RequestRefused(
      413,
      'BODY_TOO_LARGE',
      `the body has ${body.length} bytes, at most ${LIMITS.requestBodyBytes} are taken: split the request, or send binary tensors or Content-Encoding: gzip`,
    );
  if (body.length === 0) throw new RequestRefused(400, 'BAD_BODY', 'the body is empty: send JSON');
  return decompress(body, headers['content-encoding']);
}

/**
 * Never tells JSON from binary by it: real clients send octet-stream for pure JSON, or nothing at all.
 * It only stops bodies that were never meant to be JSON.
 */
function checkContentType(contentType: string | undefined): void {
  if (contentType === undefined || contentType === 'application/json') return;
  const mediaType = contentType.split(';', 1).join('').trim().toLowerCase();
  if (
    mediaType === '' ||
    mediaType === 'application/json' ||
    mediaType === 'application/octet-stream' ||
    mediaType.endsWith('+json')
  )
    return;
  const hint =
    mediaType === 'application/x-www-form-urlencoded'
      ? "; curl -d sends this type unless told otherwise: add -H 'content-type: application/json'"
      : '';
  throw new RequestRefused(
    415,
    'UNSUPPORTED_CONTENT_TYPE',
    `Content-Type ${quoted(mediaType)} is not taken; send application/json, or application/octet-stream for binary tensors${hint}`,
  );
}

function decompress(body: Buffer, encoding: string | undefined): Buffer {
  switch (encoding?.trim().toLowerCase()) {
    case undefined:
    case '':
    case 'identity':
      return body;
    case 'gzip':
    case 'x-gzip':
      return inflate(body, gunzipSync, 'gzip');
    case 'deflate':
      return inflate(body, inflateSync, 'deflate (zlib format, RFC 1950)');
    default:
      throw new RequestRefused(
        415,
        'UNSUPPORTED_CONTENT_ENCODING',
        `Content-Encoding ${quoted(encoding ?? '')} is not taken; send gzip, deflate or none`,
      );
  }
}

function inflate(body: Buffer, algorithm: typeof gunzipSync, name: string): Buffer {
  try {
    return algorithm(body, { maxOutputLength: LIMITS.decompressedBodyBytes });
  } catch (cause) {
    if (cause instanceof RangeError)
      throw new RequestRefused(
        413,
        'BODY_TOO_LARGE',
        `the body decompresses to more than ${LIMITS.decompressedBodyBytes} bytes: split the request`,
      );
    throw new RequestRefused(400, 'BAD_BODY', `the body is not valid ${name}: ${wordsOf(cause)}`);
  }
}

const wordsOf = (cause: unknown): string =>
  cause instanceof Error ? cause.message : String(cause);

/** More than honest bodies have. Without a limit 15 kB of gzip become 1 GB of lists in lists. */
const NESTING_LEVELS = 64;
/** A shorter body cannot nest deeply enough to hurt, and is spared the pass over its bytes. */
const SHALLOW_BYTES = 256_000;

interface JsonReading {
  /** What a bare NaN becomes: `null` where null is a missing number, an overflow where it is refused. */
  readonly bareNaN: 'null' | '1e999';
  /** Whether integers that a double cannot hold become bigint; slower, for INT64 and UINT64 only. */
  readonly hasExactIntegers: boolean;
}

/**
 * Strict JSON first; then once more with the bare NaN, Infinity and -Infinity that rapidjson and Python
 * write. Infinities come back as such.
 * @throws RequestRefused 400 that shows where the text stops being JSON.
 */
export function parseJson(bytes: Buffer, reading: JsonReading): unknown {
  if (!isUtf8(bytes)) throw new RequestRefused(400, 'BAD_BODY', 'the JSON is not valid UTF-8');
  if (bytes.length > SHALLOW_BYTES && isTooDeep(bytes))
    throw new RequestRefused(
      400,
      'BAD_BODY',
      `the JSON is nested deeper than ${NESTING_LEVELS} levels`,
    );
  const text = bytes.toString('utf8');
  try {
    return parse(text, reading);
  } catch (cause) {
    const tolerated = withoutBareNumbers(text, reading.bareNaN);
    if (tolerated !== text)
      try {
        return parse(tolerated, reading);
      } catch {
        // Still no JSON: the first error speaks of the text that the caller knows.
      }
    throw new RequestRefused(400, 'BAD_BODY', `the body is not JSON: ${wordsOf(cause)}`);
  }
}

function isTooDeep(bytes: Buffer): boolean {
  let depth = 0;
  let isInString = false;
  for (let at = 0; at < bytes.length; at++) {
    const byte = bytes[at];
    if (byte === 0x5c) at++;
    else if (byte === 0x22) isInString = !isInString;
    else if (!isInString && (byte === 0x5b || byte === 0x7b)) depth++;
    else if (!isInString && (byte === 0x5d || byte === 0x7d)) depth--;
    if (depth > NESTING_LEVELS) return true;
  }
  return false;
}

const LONG_INTEGER = /\d{16}/;

const parse = (text: string, { hasExactIntegers }: JsonReading): unknown =>
  hasExactIntegers && LONG_INTEGER.test(text) ? JSON.parse(text, exactInteger) : JSON.parse(text);

/** BigInt is quadratic in its digits, and 64 bits never need more than these. */
const INTEGER_OF_64_BITS = /^-?\d{1,20}$/;

function exactInteger(_key: string, value: unknown, context?: { source?: string }): unknown {
  if (typeof value !== 'number' || Number.isSafeInteger(value)) return value;
  const source = context?.source ?? '';
  return INTEGER_OF_64_BITS.test(source) ? BigInt(source) : value;
}

const BARE_NUMBER = /-?\bInfinity\b|\bNaN\b/g;

/** Replaces bare numbers outside strings, and drops a byte order mark. Linear in the text. */
function withoutBareNumbers(text: string, bareNaN: string): string {
  const parts: string[] = [];
  let copied = text.startsWith('\uFEFF') ? 1 : 0;
  let quote = text.indexOf('"');
  let stringEnd = 0;
  for (const { 0: token, index } of text.matchAll(BARE_NUMBER)) {
    while (quote >= 0 && quote < index) {
      stringEnd = endOfString(text, quote);
      quote = text.indexOf('"', stringEnd);
    }
    if (stringEnd > index) continue;
    const infinity = token.startsWith('-') ? '-1e999' : '1e999';
    parts.push(text.slice(copied, index), token === 'NaN' ? bareNaN : infinity);
    copied = index + token.length;
  }
  parts.push(text.slice(copied));
  return parts.join('');
}

/** Index after the closing quote of the string that opens at `quote`, or the end of the text. */
function endOfString(text: string, quote: number): number {
  let end = text.indexOf('"', quote + 1);
  while (end > 0 && isEscaped(text, end)) end = text.indexOf('"', end + 1);
  return end < 0 ? text.length : end + 1;
}

function isEscaped(text: string, at: number): boolean {
  let backslashes = 0;
  while (text.charCodeAt(at - 1 - backslashes) === 92) backslashes++;
  return backslashes % 2 === 1;
}

/** An optional text of so many characters; null is an absent one. Adds a fault for anything else. */
export function readText(
  value: unknown,
  path: string,
  minimum: number,
  maximum: number,
  faults: Faults,
): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'string') return faults.add(path, `expected text, got ${kindOf(value)}`);
  if (value.length >= minimum && value.length <= maximum) return value;
  return faults.add(path, `expected ${minimum} to ${maximum} characters, got ${value.length}`);
}
