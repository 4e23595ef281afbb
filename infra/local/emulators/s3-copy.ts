import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { checksumMember, readAlgorithm } from './s3-checksums.ts';
import { checkCopyConditions } from './s3-conditions.ts';
import type { Headers } from './s3-declaration.ts';
import { ingestCopy } from './s3-ingest.ts';
import { putHeaders } from './s3-metadata.ts';
import { admitWrite, commit, type NewObject } from './s3-objects.ts';
import {
  authorizeEncryption,
  authorizeObject,
  missing,
  pickVersion,
  readPath,
  type S3Request,
} from './s3-request.ts';
import type { ObjectVersion } from './s3-store.ts';
import { xmlReply } from './s3-xml.ts';

interface CopySource {
  readonly version: ObjectVersion;
  /** Whether the object is to be copied over itself. */
  readonly isSelf: boolean;
}

/** Copies by reading and writing anew, so that the copy's checksum is computed and not believed. */
export async function copyObject(request: S3Request): Promise<Reply> {
  const { store, headers } = request;
  const source = await findCopySource(request);
  const object = copiedObject(request, source);
  const { file, checksum: original } = source.version;
  const bytes = await store.read(file, { start: 0, end: Number.POSITIVE_INFINITY });
  const algorithm = readAlgorithm(headers['x-amz-checksum-algorithm']) ?? original?.algorithm;
  const ingested = await ingestCopy(store, bytes, algorithm ?? 'CRC64NVME');
  const checksum = { ...ingested.checksum, type: 'FULL_OBJECT' } as const;
  const copy = await commit(request, ingested, { ...object, checksum });
  const answer = xmlReply('CopyObjectResult', {
    ETag: `"${copy.etag}"`,
    LastModified: new Date(copy.lastModifiedMs).toISOString(),
    [checksumMember(checksum.algorithm)]: checksum.value,
    ChecksumType: checksum.type,
  });
  return {
    ...answer,
    headers: {
      ...answer.headers,
      ...sourceVersionHeader(source.version),
      ...putHeaders({ ...copy, checksum: undefined }),
    },
  };
}

/** Metadata and tags come from the source unless the request replaces them; encryption never does. */
function copiedObject(
  request: S3Request,
  { version, isSelf }: CopySource,
): Omit<NewObject, 'checksum'> {
  const isReplacing = request.headers['x-amz-metadata-directive'] === 'REPLACE';
  const isRetagging = request.headers['x-amz-tagging-directive'] === 'REPLACE';
  const { tagging: newTagging, ...written } = admitWrite(request);
  if (isSelf && !isReplacing && !isRetagging) {
    throw new ServiceError(
      400,
      'InvalidRequest',
      "This copy request is illegal because it is trying to copy an object to itself without changing the object's metadata, storage class, website redirect location or encryption attributes.",
    );
  }
  const tagging = isRetagging ? newTagging : version.tagging;
  if (tagging !== undefined) authorizeObject(request, 'PutObjectTagging');
  return {
    ...written,
    headers: isReplacing ? written.headers : version.headers,
    ...(tagging !== undefined && { tagging }),
  };
}

/** The version that `x-amz-copy-source` names, once the caller may read it. */
async function findCopySource(request: S3Request): Promise<CopySource> {
  const [path = '', search] = (request.headers['x-amz-copy-source'] ?? '').split('?', 2);
  const { bucketName, key } = readPath(path.startsWith('/') ? path : `/${path}`);
  const versionId = new URLSearchParams(search).get('versionId');
  const source: S3Request = { ...request, bucket: request.findBucket(bucketName), key };
  authorizeObject(source, versionId === null ? 'GetObject' : 'GetObjectVersion');
  const version = pickVersion(await request.store.versions(bucketName, key), versionId);
  if (version?.kind !== 'object') throw missing(source, versionId);
  authorizeEncryption(source, key, version.encryption, 'kms:Decrypt');
  if (version.tagging !== undefined) authorizeObject(source, 'GetObjectTagging');
  checkCopyConditions(request.headers, version);
  const isSelf = versionId === null && bucketName === request.bucket.name && key === request.key;
  return { version, isSelf };
}

function sourceVersionHeader({ versionId }: ObjectVersion): Headers {
  return versionId === 'null' ? {} : { 'x-amz-copy-source-version-id': versionId };
}
