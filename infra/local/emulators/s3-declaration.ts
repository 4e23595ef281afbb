import { ServiceError } from './emulator.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  readAlgorithm,
} from './s3-checksums.ts';

/** The most one PUT or one part may carry. */
export const LARGEST_PUT_BYTES = 5 * 1024 ** 3;
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

/** Header lines by lower-case name. */
export type Headers = Readonly<Record<string, string>>;

/** What the client says of the body it sends. */
export interface Declaration {
  readonly size: number;
  readonly isChunked: boolean;
  /** In base64. */
  readonly contentMd5: string | undefined;
  /** Undefined when the client leaves it to the service. */
  readonly algorithm: ChecksumAlgorithm | undefined;
  /** The checksum in base64, or the name of the trailer that brings it after the body. */
  readonly checksum: string | undefined;
  readonly trailer: string | undefined;
}

/** What a body turned out to be. */
export interface Measured {
  readonly size: number;
  /** In hex. */
  readonly md5: string;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

/** @throws ServiceError when the headers contradict each other or declare too much. */
export function readDeclaration(headers: Headers): Declaration {
  const isChunked = readFraming(headers);
  return {
    isChunked,
    size: readSize(headers, isChunked),
    contentMd5: headers['content-md5'],
    ...readChecksum(headers),
  };
}

function readChecksum(headers: Headers): Pick<Declaration, 'algorithm' | 'checksum' | 'trailer'> {
  const trailer = headers['x-amz-trailer']?.toLowerCase();
  const [inHeader, ...more] = CHECKSUM_ALGORITHMS.filter(
    (known) => checksumHeader(known) in headers,
  );
  if (more.length > 0 || (inHeader !== undefined && trailer !== undefined)) {
    throw new ServiceError(
      400,
      'InvalidRequest',
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  return {
    trailer,
    algorithm: inHeader ?? readAlgorithm(trailer?.replace('x-amz-checksum-', '')),
    checksum: inHeader && headers[checksumHeader(inHeader)],
  };
}

function readFraming(headers: Headers): boolean {
  const payload = headers['x-amz-content-sha256'] ?? '';
  if (payload.startsWith('STREAMING-') && payload !== UNSIGNED_TRAILER) {
    throw new ServiceError(
      501,
      'NotImplemented',
      `S3: uploads with signed chunks (${payload}) are not emulated; the AWS SDK sends ${UNSIGNED_TRAILER} over plain HTTP.`,
    );
  }
  return payload === UNSIGNED_TRAILER || /\baws-chunked\b/.test(headers['content-encoding'] ?? '');
}

function readSize(headers: Headers, isChunked: boolean): number {
  const size = headers[isChunked ? 'x-amz-decoded-content-length' : 'content-length'];
  if (size === undefined) {
    const message = 'You must provide the Content-Length HTTP header.';
    throw new ServiceError(411, 'MissingContentLength', message);
  }
  if (!/^\d+$/.test(size)) throw new ServiceError(400, 'InvalidArgument', `Bad length: ${size}`);
  if (Number(size) > LARGEST_PUT_BYTES) throw tooLarge(Number(size));
  return Number(size);
}

/** Refuses a body that is not what was declared. */
export function verify(
  measured: Measured,
  { checksum, trailer, contentMd5, size }: Declaration,
  trailers: ReadonlyMap<string, string> | undefined,
): void {
  if (size !== measured.size) {
    throw new ServiceError(
      400,
      'IncompleteBody',
      `The request declared ${size} bytes and sent ${measured.size}.`,
    );
  }
  const md5 = Buffer.from(measured.md5, 'hex').toString('base64');
  if (contentMd5 !== undefined && contentMd5 !== md5) {
    throw badDigest('Content-MD5');
  }
  const expected = trailer === undefined ? checksum : (trailers?.get(trailer) ?? '');
  if (expected !== undefined && expected !== measured.checksum.value)
    throw badDigest(measured.checksum.algorithm);
}

function badDigest(what: string): ServiceError {
  return new ServiceError(
    400,
    'BadDigest',
    `The ${what} you specified did not match the calculated checksum.`,
  );
}

/** Refuses by the declared length before the body, and by the count while it comes in. */
export function tooLarge(size: number): ServiceError {
  return new ServiceError(
    400,
    'EntityTooLarge',
    `Your proposed upload of ${size} bytes exceeds the maximum allowed size of ${LARGEST_PUT_BYTES}.`,
  );
}
