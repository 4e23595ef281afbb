import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { ServiceError } from './emulator.ts';
import {
  CHECKSUM_ALGORITHMS,
  type ChecksumAlgorithm,
  checksumHeader,
  readAlgorithm,
  startChecksum,
} from './s3-checksums.ts';
import type { S3Store } from './s3-store.ts';

/** The most one PUT or one part may carry. */
const LARGEST_PUT_BYTES = 5 * 1024 ** 3;
const UNSIGNED_TRAILER = 'STREAMING-UNSIGNED-PAYLOAD-TRAILER';

export type Headers = Readonly<Record<string, string>>;

/** Bytes that are on disk, synced, and were found to be what the client meant to send. */
export interface Ingested {
  readonly file: string;
  readonly size: number;
  readonly md5: string;
  readonly checksum: { readonly algorithm: ChecksumAlgorithm; readonly value: string };
}

/** What the client says of the body it sends. */
interface Declaration {
  readonly algorithm: ChecksumAlgorithm;
  /** In base64; in a trailer it arrives after the body. */
  readonly checksum?: string;
  readonly trailer?: string;
  readonly contentMd5?: string;
  readonly size?: number;
  readonly isChunked: boolean;
}

/**
 * Streams an upload to a new file and verifies size and checksums. On any failure, an aborted
 * connection included, no file is left.
 */
export async function ingestUpload(
  store: S3Store,
  body: Readable,
  headers: Headers,
  defaultAlgorithm: ChecksumAlgorithm = 'CRC64NVME',
): Promise<Ingested> {
  const declaration = readDeclaration(headers, defaultAlgorithm);
  const decoder = declaration.isChunked ? new AwsChunkedDecoder() : undefined;
  const source = decoder === undefined ? ([body] as const) : ([body, decoder] as const);
  return ingest(store, source, declaration.algorithm, (ingested) =>
    verify(ingested, declaration, decoder?.trailers),
  );
}

/** Streams bytes that are already trusted, such as a copy's, to a new file. */
export function ingestCopy(
  store: S3Store,
  source: Readable,
  algorithm: ChecksumAlgorithm,
): Promise<Ingested> {
  return ingest(store, [source], algorithm, () => {});
}

/** A body, and what takes its framing off. */
type Source = readonly [Readable] | readonly [Readable, AwsChunkedDecoder];

async function ingest(
  store: S3Store,
  source: Source,
  algorithm: ChecksumAlgorithm,
  check: (ingested: Ingested) => void,
): Promise<Ingested> {
  const file = store.newFile();
  const handle = await open(store.pathOf(file), 'wx');
  try {
    const ingested = { file, ...(await writeBytes(handle, source, algorithm)) };
    check(ingested);
    await handle.sync();
    return ingested;
  } catch (failure) {
    await store.removeFile(file);
    throw failure;
  } finally {
    await handle.close();
  }
}

async function writeBytes(handle: FileHandle, source: Source, algorithm: ChecksumAlgorithm) {
  const md5 = createHash('md5');
  const checksum = startChecksum(algorithm);
  let size = 0;
  async function write(bytes: AsyncIterable<Buffer>): Promise<void> {
    for await (const chunk of bytes) {
      size += chunk.length;
      if (size > LARGEST_PUT_BYTES) throw tooLarge(size);
      md5.update(chunk);
      checksum.update(chunk);
      await handle.writeFile(chunk);
    }
  }
  const [body, decoder] = source;
  await (decoder === undefined ? pipeline(body, write) : pipeline(body, decoder, write));
  const value = Buffer.from(await checksum.digest()).toString('base64');
  return { size, md5: md5.digest('hex'), checksum: { algorithm, value } };
}

function readDeclaration(headers: Headers, defaultAlgorithm: ChecksumAlgorithm): Declaration {
  const given = CHECKSUM_ALGORITHMS.filter((algorithm) => checksumHeader(algorithm) in headers);
  const trailer = headers['x-amz-trailer']?.toLowerCase();
  if (given.length + (trailer === undefined ? 0 : 1) > 1) {
    throw invalid(
      'Expecting a single x-amz-checksum- header. Multiple checksum Types are not allowed.',
    );
  }
  const algorithm = given[0] ?? readAlgorithm(trailer?.replace('x-amz-checksum-', ''));
  const isChunked = readFraming(headers);
  const size =
    headers['x-amz-decoded-content-length'] ?? (isChunked ? undefined : headers['content-length']);
  if (size === undefined) {
    throw new ServiceError(
      411,
      'MissingContentLength',
      'You must provide the Content-Length HTTP header.',
    );
  }
  if (!(Number(size) <= LARGEST_PUT_BYTES)) throw tooLarge(size);
  return {
    algorithm: algorithm ?? defaultAlgorithm,
    ...(given[0] !== undefined && { checksum: headers[checksumHeader(given[0])] ?? '' }),
    ...(trailer !== undefined && { trailer }),
    ...(headers['content-md5'] !== undefined && { contentMd5: headers['content-md5'] }),
    size: Number(size),
    isChunked,
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

function verify(
  ingested: Ingested,
  { algorithm, checksum, trailer, contentMd5, size }: Declaration,
  trailers: ReadonlyMap<string, string> | undefined,
): void {
  if (size !== ingested.size) {
    throw new ServiceError(
      400,
      'IncompleteBody',
      `The request declared ${size} bytes and sent ${ingested.size}.`,
    );
  }
  if (
    contentMd5 !== undefined &&
    contentMd5 !== Buffer.from(ingested.md5, 'hex').toString('base64')
  ) {
    throw badDigest('Content-MD5');
  }
  const expected = trailer === undefined ? checksum : (trailers?.get(trailer) ?? '');
  if (expected !== undefined && expected !== ingested.checksum.value) throw badDigest(algorithm);
}

function badDigest(what: string): ServiceError {
  return new ServiceError(
    400,
    'BadDigest',
    `The ${what} you specified did not match the calculated checksum.`,
  );
}

function tooLarge(size: number | string): ServiceError {
  return new ServiceError(
    400,
    'EntityTooLarge',
    `Your proposed upload of ${size} bytes exceeds the maximum allowed size of ${LARGEST_PUT_BYTES}.`,
  );
}

function invalid(message: string): ServiceError {
  return new ServiceError(400, 'InvalidRequest', message);
}
