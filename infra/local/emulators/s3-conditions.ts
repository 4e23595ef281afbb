import { ServiceError } from './emulator.ts';
import type { Headers } from './s3-declaration.ts';
import type { ObjectVersion, Version } from './s3-store.ts';

/** Refuses a write whose If-None-Match or If-Match does not hold for the newest version. */
export function checkWriteConditions(headers: Headers, newest: Version | undefined): void {
  const existing = newest?.kind === 'object' ? newest : undefined;
  const ifNoneMatch = headers['if-none-match'];
  if (ifNoneMatch !== undefined) {
    if (ifNoneMatch !== '*') {
      throw new ServiceError(
        501,
        'NotImplemented',
        'A header you provided implies functionality that is not implemented: If-None-Match of a write must be *',
      );
    }
    if (existing !== undefined) throw failed('If-None-Match');
  }
  const ifMatch = headers['if-match'];
  if (ifMatch === undefined) return;
  if (existing === undefined) {
    throw new ServiceError(404, 'NoSuchKey', 'The specified key does not exist.');
  }
  if (!matchesEtag(ifMatch, existing)) throw failed('If-Match');
}

/** Whether a read goes ahead, or the client's copy is still good. @throws ServiceError 412 */
export function checkReadConditions(
  headers: Headers,
  version: ObjectVersion,
): 'modified' | 'not-modified' {
  const { 'if-match': ifMatch, 'if-none-match': ifNoneMatch } = headers;
  if (ifMatch !== undefined) {
    if (!matchesEtag(ifMatch, version)) throw failed('If-Match');
  } else if (isAfter(version, headers['if-unmodified-since'])) {
    throw failed('If-Unmodified-Since');
  }
  if (ifNoneMatch !== undefined) {
    return matchesEtag(ifNoneMatch, version) ? 'not-modified' : 'modified';
  }
  const since = headers['if-modified-since'];
  const isDate = !Number.isNaN(Date.parse(since ?? ''));
  return isDate && !isAfter(version, since) ? 'not-modified' : 'modified';
}

/** Refuses a copy whose source conditions do not hold; what a read calls 304 is 412 here. */
export function checkCopyConditions(headers: Headers, source: ObjectVersion): void {
  const prefix = 'x-amz-copy-source-if-';
  const conditions = Object.entries(headers)
    .filter(([name]) => name.startsWith(prefix))
    .map(([name, value]) => [`if-${name.slice(prefix.length)}`, value]);
  if (checkReadConditions(Object.fromEntries(conditions), source) === 'not-modified') {
    throw failed('x-amz-copy-source-If-None-Match');
  }
}

function matchesEtag(condition: string, { etag }: ObjectVersion): boolean {
  return condition.split(',').some((candidate) => {
    const bare = candidate.trim().replace(/^"(.*)"$/, '$1');
    return bare === '*' || bare === etag;
  });
}

/** Whether the object changed after an HTTP date, which has whole seconds only. */
function isAfter({ lastModifiedMs }: ObjectVersion, date: string | undefined): boolean {
  if (date === undefined) return false;
  return Math.floor(lastModifiedMs / 1000) * 1000 > Date.parse(date);
}

function failed(condition: string): ServiceError {
  return new ServiceError(
    412,
    'PreconditionFailed',
    'At least one of the pre-conditions you specified did not hold',
    { Condition: condition },
  );
}

/** Which bytes to read, both ends included. */
export interface ByteRange {
  readonly start: number;
  /** Inclusive. */
  readonly end: number;
}

/** The one range a GET asks for; a malformed or multiple range is ignored, as S3 does. */
export function readRange(header: string | undefined, size: number): ByteRange | undefined {
  const range = parseRange(header ?? '', size);
  if (range === undefined || range.end < range.start) return undefined;
  if (range.start < size) return { start: range.start, end: Math.min(range.end, size - 1) };
  throw new ServiceError(416, 'InvalidRange', 'The requested range is not satisfiable', {
    RangeRequested: header,
    ActualObjectSize: size,
  });
}

/** `bytes=first-last`, `bytes=first-` or `bytes=-length`, as given: it may lie beyond the object. */
function parseRange(header: string, size: number): ByteRange | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header) ?? [];
  if (first !== '') {
    return { start: Number(first), end: last === '' ? Number.POSITIVE_INFINITY : Number(last) };
  }
  if (last === '') return undefined;
  return { start: Math.max(size - Number(last), 0), end: Number.POSITIVE_INFINITY };
}
