import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { readBody } from './aws-json.ts';
import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { asList, isRecord, type JsonObject } from './json.ts';
import { type Checksum, checksumMember, compositeChecksum } from './s3-checksums.ts';
import { type Ingested, ingestCopy } from './s3-ingest.ts';
import { putHeaders } from './s3-metadata.ts';
import { commit } from './s3-objects.ts';
import { authorizeEncryption, authorizeObject, type S3Request } from './s3-request.ts';
import {
  findUpload,
  type Part,
  partKey,
  readPartNumber,
  readParts,
  type Upload,
  uploadKey,
} from './s3-upload-records.ts';
import { parseXml, xmlReply } from './s3-xml.ts';

/** Every part but the last is at least this large. */
const SMALLEST_PART_BYTES = 5 * 1024 ** 2;

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
