import { createHash } from 'node:crypto';
import { type FileHandle, open } from 'node:fs/promises';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { AwsChunkedDecoder } from './aws-chunked.ts';
import { type ChecksumAlgorithm, startChecksum } from './s3-checksums.ts';
import {
  type Headers,
  LARGEST_PUT_BYTES,
  type Measured,
  readDeclaration,
  tooLarge,
  verify,
} from './s3-declaration.ts';
import type { S3Store } from './s3-store.ts';

/** Bytes that are on disk, synced, and were found to be what the client meant to send. */
export interface Ingested extends Measured {
  readonly file: string;
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
  const declaration = readDeclaration(headers);
  const decoder = declaration.isChunked ? new AwsChunkedDecoder() : undefined;
  const source = decoder === undefined ? ([body] as const) : ([body, decoder] as const);
  return ingest(store, source, declaration.algorithm ?? defaultAlgorithm, (ingested) =>
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

async function writeBytes(
  handle: FileHandle,
  source: Source,
  algorithm: ChecksumAlgorithm,
): Promise<Measured> {
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
