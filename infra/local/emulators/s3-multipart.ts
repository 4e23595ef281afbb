import { randomBytes } from 'node:crypto';
import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import {
  type Checksum,
  type ChecksumAlgorithm,
  checksumHeader,
  checksumMember,
  readAlgorithm,
} from './s3-checksums.ts';
import { type Headers, readDeclaration } from './s3-declaration.ts';
import { ingestUpload } from './s3-ingest.ts';
import { encryptionHeaders } from './s3-metadata.ts';
import { admitWrite } from './s3-objects.ts';
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
import { xmlReply } from './s3-xml.ts';

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
