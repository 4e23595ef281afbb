import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import { readBody } from './aws-json.ts';
import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { asList, isRecord, type JsonObject } from './json.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  checksumMember,
  compositeChecksum,
  readAlgorithm,
} from './s3-checksums.ts';
import { type Headers, readDeclaration } from './s3-declaration.ts';
import { type Ingested, ingestCopy, ingestUpload } from './s3-ingest.ts';
import { encryptionHeaders, putHeaders } from './s3-metadata.ts';
import { admitWrite, commit, type NewObject } from './s3-objects.ts';
import { authorizeEncryption, authorizeObject, type S3Request } from './s3-request.ts';
import { parseXml, xmlReply } from './s3-xml.ts';

const MOST_PARTS = 10_000;
/** Every part but the last is at least this large. */
const SMALLEST_PART_BYTES = 5 * 1024 ** 2;

/** An upload in progress; it lives in the store's index, so that a restart does not end it. */
interface Upload {
  readonly bucket: string;
  readonly key: string;
  readonly object: Omit<NewObject, 'checksum'>;
  readonly algorithm: ChecksumAlgorithm;
  readonly checksumType: Checksum['type'];
  /** Whether the client asked for the algorithm, and so must name part checksums. */
  readonly isAlgorithmAsked: boolean;
}

type Part = Ingested;

/** Metadata, tags and encryption are settled here and apply when the upload is completed. */
export async function createMultipartUpload(request: S3Request): Promise<Reply> {
  const { store, bucket, key, headers } = request;
  const object = admitWrite(request);
  const asked = readAlgorithm(headers['x-amz-checksum-algorithm']);
  const algorithm = asked ?? 'CRC64NVME';
  const uploadId = randomBytes(32).toString('base64url');
  const upload: Upload = {
    bucket: bucket.name,
    key,
    object,
    algorithm,
    checksumType: readChecksumType(headers['x-amz-checksum-type'], algorithm),
    isAlgorithmAsked: asked !== undefined,
  };
  await store.putRecord(uploadKey(uploadId), upload);
  const answer = xmlReply('InitiateMultipartUploadResult', {
    Bucket: bucket.name,
    Key: key,
    UploadId: uploadId,
  });
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...encryptionHeaders(object.encryption),
      ...(asked && {
        'x-amz-checksum-algorithm': asked,
        'x-amz-checksum-type': upload.checksumType,
      }),
    },
  };
}

function readChecksumType(
  type: string | undefined,
  algorithm: ChecksumAlgorithm,
): Checksum['type'] {
  const isLinear = algorithm.startsWith('CRC');
  const byDefault = algorithm === 'CRC64NVME' ? 'FULL_OBJECT' : 'COMPOSITE';
  const chosen = type ?? byDefault;
  if (chosen === 'FULL_OBJECT' && isLinear) return chosen;
  if (chosen === 'COMPOSITE' && algorithm !== 'CRC64NVME') return chosen;
  throw new ServiceError(
    400,
    'InvalidRequest',
    `The ${chosen} checksum type cannot be used with the ${algorithm} checksum algorithm.`,
  );
}

/** A part may be sent again under its number; the last one counts. */
export async function uploadPart(request: S3Request): Promise<Reply> {
  const { store, call, key, headers } = request;
  authorizeObject(request, 'PutObject');
  const { uploadId, upload } = await findUpload(request);
  const partNumber = readPartNumber(call.query.get('partNumber'));
  authorizeEncryption(request, key, upload.object.encryption, 'kms:GenerateDataKey');
  checkAlgorithm(upload, headers);
  const part = await ingestUpload(store, call.body, headers, upload.algorithm);
  await replacePart(request, uploadId, partNumber, part);
  return {
    status: 200,
    headers: {
      etag: `"${part.md5}"`,
      [checksumHeader(part.checksum.algorithm)]: part.checksum.value,
      ...encryptionHeaders(upload.object.encryption),
    },
    body: '',
  };
}

/** Composite checksums need every part's to be of the algorithm the upload was begun with. */
function checkAlgorithm({ algorithm, isAlgorithmAsked }: Upload, headers: Headers): void {
  const { algorithm: sent = algorithm } = readDeclaration(headers);
  if (!isAlgorithmAsked || sent === algorithm) return;
  throw new ServiceError(
    400,
    'InvalidRequest',
    `Checksum Type mismatch occurred, expected checksum Type: ${algorithm}, actual checksum Type: ${sent}`,
  );
}

/** Keeps a part; the upload may have been completed or aborted while the bytes came in. */
async function replacePart(
  request: S3Request,
  uploadId: string,
  partNumber: number,
  part: Part,
): Promise<void> {
  const { store } = request;
  const recordKey = partKey(uploadId, partNumber);
  try {
    await findUpload(request);
  } catch (failure) {
    await store.removeFile(part.file);
    throw failure;
  }
  const earlier = (await store.getRecord(recordKey)) as Part | undefined;
  await store.putRecord(recordKey, part);
  if (earlier !== undefined) await store.removeFile(earlier.file);
}

function readPartNumber(text: string | null): number {
  const partNumber = Number(text);
  if (Number.isInteger(partNumber) && partNumber >= 1 && partNumber <= MOST_PARTS)
    return partNumber;
  throw new ServiceError(
    400,
    'InvalidArgument',
    `Part number must be an integer between 1 and ${MOST_PARTS}, inclusive`,
  );
}

/**
 * Puts the parts together in a new file. The object appears and the upload ends in one write to the
 * index, so that a crash in between leaves the upload to be completed again.
 */
export async function completeMultipartUpload(request: S3Request): Promise<Reply> {
  const { store, call, bucket, key } = request;
  authorizeObject(request, 'PutObject');
  const { uploadId, upload } = await findUpload(request);
  const listed = readPartList(await readBody(call));
  authorizeEncryption(request, key, upload.object.encryption, 'kms:Decrypt');
  const kept = await readParts(request, uploadId);
  const parts = listed.map((entry, index) =>
    pickPart(entry, kept, upload, index === listed.length - 1),
  );
  const whole = await ingestCopy(store, concatenate(request, parts), upload.algorithm);
  const checksum = await objectChecksum(upload, whole, parts);
  const etags = Buffer.concat(parts.map(({ md5 }) => Buffer.from(md5, 'hex')));
  const etag = `${createHash('md5').update(etags).digest('hex')}-${parts.length}`;
  const used = [uploadKey(uploadId), ...[...kept.keys()].map((n) => partKey(uploadId, n))];
  const version = await commit(
    request,
    { ...whole, md5: etag },
    { ...upload.object, checksum },
    used.map((recordKey) => ({ type: 'del', key: recordKey })),
  );
  await Promise.all([...kept.values()].map(({ file }) => store.removeFile(file)));
  const answer = xmlReply('CompleteMultipartUploadResult', {
    Location: `/${bucket.name}/${key}`,
    Bucket: bucket.name,
    Key: key,
    ETag: `"${version.etag}"`,
    [checksumMember(checksum.algorithm)]: checksum.value,
    ChecksumType: checksum.type,
  });
  const ids = putHeaders({ ...version, checksum: undefined });
  return { ...answer, headers: { ...answer.headers, ...ids } };
}

function readPartList(body: Buffer): readonly JsonObject[] {
  const parts = asList(parseXml(body, 'CompleteMultipartUpload')['Part']).filter(isRecord);
  const numbers = parts.map(({ PartNumber }) => readPartNumber(String(PartNumber)));
  if (numbers.length === 0) {
    throw new ServiceError(400, 'MalformedXML', 'You must specify at least one part');
  }
  if (numbers.some((number, index) => index > 0 && number <= (numbers[index - 1] ?? 0))) {
    throw new ServiceError(
      400,
      'InvalidPartOrder',
      'The list of parts was not in ascending order. The parts list must be specified in order by part number.',
    );
  }
  return parts;
}

function pickPart(
  entry: JsonObject,
  kept: ReadonlyMap<number, Part>,
  upload: Upload,
  isLast: boolean,
): Part {
  const PartNumber = Number(entry['PartNumber']);
  const part = kept.get(PartNumber);
  const etag = String(entry['ETag']).replaceAll(/"|&quot;/g, '');
  const named = entry[checksumMember(upload.algorithm)];
  if (
    part === undefined ||
    part.md5 !== etag ||
    (named ?? part.checksum.value) !== part.checksum.value
  ) {
    throw new ServiceError(
      400,
      'InvalidPart',
      "One or more of the specified parts could not be found. The part may not have been uploaded, or the specified entity tag or checksum might not have matched the part's.",
      { PartNumber },
    );
  }
  if (!isLast && part.size < SMALLEST_PART_BYTES) {
    throw new ServiceError(
      400,
      'EntityTooSmall',
      'Your proposed upload is smaller than the minimum allowed object size.',
      { PartNumber, ProposedSize: part.size, MinSizeAllowed: SMALLEST_PART_BYTES },
    );
  }
  return part;
}

function concatenate({ store }: S3Request, parts: readonly Part[]): Readable {
  async function* bytes() {
    for (const { file, size } of parts) {
      if (size > 0) yield* await store.read(file, { start: 0, end: size - 1 });
    }
  }
  return Readable.from(bytes(), { objectMode: false });
}

async function objectChecksum(
  { algorithm, checksumType }: Upload,
  whole: Ingested,
  parts: readonly Part[],
): Promise<Checksum> {
  if (checksumType === 'FULL_OBJECT') return { ...whole.checksum, type: 'FULL_OBJECT' };
  return compositeChecksum(
    algorithm,
    parts.map(({ checksum }) => checksum.value),
  );
}

/** Records go before files: what a crash leaves behind is swept at the next start. */
export async function abortMultipartUpload(request: S3Request): Promise<Reply> {
  const { store } = request;
  authorizeObject(request, 'AbortMultipartUpload');
  const { uploadId } = await findUpload(request);
  const kept = await readParts(request, uploadId);
  await store.deleteRecords([
    uploadKey(uploadId),
    ...[...kept.keys()].map((partNumber) => partKey(uploadId, partNumber)),
  ]);
  await Promise.all([...kept.values()].map(({ file }) => store.removeFile(file)));
  return { status: 204, headers: {}, body: '' };
}

/** One page holds all, since SDK clients read `IsTruncated`. */
export async function listParts(request: S3Request): Promise<Reply> {
  const { bucket, key } = request;
  authorizeObject(request, 'ListMultipartUploadParts');
  const { uploadId, upload } = await findUpload(request);
  const kept = await readParts(request, uploadId);
  return xmlReply('ListPartsResult', {
    Bucket: bucket.name,
    Key: key,
    UploadId: uploadId,
    IsTruncated: false,
    ChecksumAlgorithm: upload.isAlgorithmAsked ? upload.algorithm : undefined,
    Part: [...kept].map(([PartNumber, { md5, size, checksum }]) => ({
      PartNumber,
      ETag: `"${md5}"`,
      Size: size,
      [checksumMember(checksum.algorithm)]: checksum.value,
    })),
  });
}

async function findUpload({ store, call, bucket, key }: S3Request) {
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
async function readParts(
  { store }: S3Request,
  uploadId: string,
): Promise<ReadonlyMap<number, Part>> {
  const parts = new Map<number, Part>();
  for await (const [recordKey, part] of store.records(partPrefix(uploadId))) {
    parts.set(Number(recordKey.slice(-5)), part as Part);
  }
  return parts;
}

function uploadKey(uploadId: string): string {
  return `upload/${uploadId}`;
}

function partPrefix(uploadId: string): string {
  return `part/${uploadId}/`;
}

function partKey(uploadId: string, partNumber: number): string {
  return partPrefix(uploadId) + String(partNumber).padStart(5, '0');
}
