import { ServiceError } from './emulator.ts';
import type { Checksum, ChecksumAlgorithm } from './s3-checksums.ts';
import type { Ingested } from './s3-ingest.ts';
import type { NewObject } from './s3-objects.ts';
import type { S3Request } from './s3-request.ts';

const MOST_PARTS = 10_000;

/** An upload in progress; it lives in the store's index, so that a restart does not end it. */
export interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly object: Omit<NewObject, 'checksum'>;
  readonly algorithm: ChecksumAlgorithm;
  readonly checksumType: Checksum['type'];
  /** Whether the client asked for the algorithm, and so must name part checksums. */
  readonly isAlgorithmAsked: boolean;
}

export type Part = Ingested;

export function readPartNumber(text: string | null): number {
  const partNumber = Number(text);
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= MOST_PARTS)
    return partNumber;
  throw new ServiceError(
    400,
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`,
  );
}

export async function findUpload({ store, call, bucket, key }: S3Request) {
  const uploadId = call.query.get('uploadId') ?? '';
  const upload = (await store.getRecord(uploadKey(uploadId))) as Upload | undefined;
  if (upload?.bucket === bucket.name && upload.key === key) return { uploadId, upload };
  throw new ServiceError(
    404,
    'NoSuchUpload',
    'The specified upload does not exist. The upload ID may be invalid, or the upload may have been aborted or completed.',
  );
}

/** The parts of an upload by number, ascending. */
export async function readParts(
  { store }: S3Request,
  uploadId: string,
): Promise<ReadonlyMap<number, Part>> {
  const parts = new Map<number, Part>();
  for await (const [recordKey, part] of store.records(partPrefix(uploadId))) {
    parts.set(Number(recordKey.slice(-5)), part as Part);
  }
  return parts;
}

export function uploadKey(uploadId: string): string {
  return `upload/${uploadId}`;
}

function partPrefix(uploadId: string): string {
  return `part/${uploadId}/`;
}

export function partKey(uploadId: string, partNumber: number): string {
  return partPrefix(uploadId) + String(partNumber).padStart(5, '0');
}
