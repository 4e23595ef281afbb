import { createHash, randomBytes } from 'node:crypto';
import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { checkReadConditions, checkWriteConditions, readRange } from './s3-conditions.ts';
import type { Headers } from './s3-declaration.ts';
import { type Ingested, ingestUpload } from './s3-ingest.ts';
import { putHeaders, readEncryption, readObjectHeaders, readTagging } from './s3-metadata.ts';
import {
  authorizeEncryption,
  authorizeObject,
  missing,
  pickVersion,
  type S3Request,
} from './s3-request.ts';
import type { ObjectVersion, Version } from './s3-store.ts';

/** What makes up a new version besides its bytes. */
export type NewObject = Pick<ObjectVersion, 'headers' | 'tagging' | 'encryption' | 'checksum'>;

/** The permission is asked before the body is read, the conditions are checked when it is whole. */
export async function putObject(request: S3Request): Promise<Reply> {
  const { store, call, headers } = request;
  const written = admitWrite(request);
  const ingested = await ingestUpload(store, call.body, headers);
  const checksum = { ...ingested.checksum, type: 'FULL_OBJECT' } as const;
  const version = await commit(request, ingested, { ...written, checksum });
  return { status: 200, headers: putHeaders(version), body: '' };
}

/** Checks what can be checked before the bytes: permissions, metadata, tags, encryption. */
export function admitWrite(request: S3Request): Omit<NewObject, 'checksum'> {
  const { headers, key } = request;
  authorizeObject(request, 'PutObject');
  if (headers['if-match'] !== undefined) authorizeObject(request, 'GetObject');
  const tagging = readTagging(headers['x-amz-tagging']);
  if (tagging !== undefined) authorizeObject(request, 'PutObjectTagging');
  const encryption = readEncryption(request);
  authorizeEncryption(request, key, encryption, 'kms:GenerateDataKey');
  return {
    headers: readObjectHeaders(headers),
    ...(tagging !== undefined && { tagging }),
    ...(encryption !== undefined && { encryption }),
  };
}

/** Makes ingested bytes the newest version, if the request's conditions hold at that moment. */
export async function commit(
  request: S3Request,
  { file, size, md5 }: Pick<Ingested, 'file' | 'size' | 'md5'>,
  object: NewObject,
  alongside: Parameters<typeof request.store.update>[3] = [],
): Promise<ObjectVersion> {
  const { store, bucket, key, headers } = request;
  const version: ObjectVersion = {
    kind: 'object',
    versionId: newVersionId(request),
    lastModifiedMs: request.nowMs(),
    file,
    size,
    // As in AWS, the ETag of an object under a KMS key is no digest of its content.
    etag:
      object.encryption === undefined
        ? md5
        : createHash('md5')
            .update(md5 + file)
            .digest('hex'),
    ...object,
  };
  try {
    await store.update(
      bucket.name,
      key,
      (versions) => {
        checkWriteConditions(headers, versions[0]);
        return withNewest(versions, version);
      },
      alongside,
    );
  } catch (failure) {
    await store.removeFile(file);
    throw failure;
  }
  return version;
}

function newVersionId({ bucket }: S3Request): string {
  return bucket.isVersioned ? randomBytes(24).toString('base64url') : 'null';
}

/** The `null` version of an unversioned write takes the place of an earlier one. */
function withNewest(versions: readonly Version[], newest: Version): readonly Version[] {
  return [newest, ...versions.filter(({ versionId }) => versionId !== newest.versionId)];
}

/** Streams the object or one range of it. */
export async function getObject(request: S3Request): Promise<Reply> {
  const version = await findReadable(request);
  authorizeEncryption(request, request.key, version.encryption, 'kms:Decrypt');
  if (checkReadConditions(request.headers, version) === 'not-modified') return notModified(version);
  const range = readRange(request.headers['range'], version.size);
  const { start, end } = range ?? { start: 0, end: version.size - 1 };
  const body = version.size === 0 ? '' : await request.store.read(version.file, { start, end });
  return { ...readReply(request, version), body };
}

/** Needs no key, as in AWS, unless the checksum is asked for. */
export async function headObject(request: S3Request): Promise<Reply> {
  const version = await findReadable(request);
  if (request.headers['x-amz-checksum-mode'] === 'ENABLED') {
    authorizeEncryption(request, request.key, version.encryption, 'kms:Decrypt');
  }
  if (checkReadConditions(request.headers, version) === 'not-modified') return notModified(version);
  return readReply(request, version);
}

/** The version a read means, once the caller may see it. */
async function findReadable(request: S3Request): Promise<ObjectVersion> {
  const { store, bucket, key, call } = request;
  const versionId = call.query.get('versionId');
  authorizeObject(request, versionId === null ? 'GetObject' : 'GetObjectVersion');
  const version = pickVersion(await store.versions(bucket.name, key), versionId);
  if (version === undefined) throw missing(request, versionId);
  if (version.kind === 'object') return version;
  const markerHeaders = { 'x-amz-delete-marker': 'true', 'x-amz-version-id': version.versionId };
  if (versionId === null) {
    throw new ServiceError(404, 'NoSuchKey', 'The specified key does not exist.', {
      Key: key,
      headers: markerHeaders,
    });
  }
  throw new ServiceError(
    405,
    'MethodNotAllowed',
    'The specified method is not allowed against this resource: the version is a delete marker.',
    { headers: { ...markerHeaders, allow: 'DELETE' } },
  );
}

function readReply({ headers, call }: S3Request, version: ObjectVersion): Reply {
  const range = readRange(headers['range'], version.size);
  const length = range === undefined ? version.size : range.end - range.start + 1;
  const wantsChecksum = headers['x-amz-checksum-mode'] === 'ENABLED' && range === undefined;
  const tagCount = new URLSearchParams(version.tagging).size;
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...version.headers,
      ...putHeaders({ ...version, ...(!wantsChecksum && { checksum: undefined }) }),
      ...responseOverrides(call.query),
      'accept-ranges': 'bytes',
      'last-modified': new Date(version.lastModifiedMs).toUTCString(),
      'content-length': String(length),
      ...(range && { 'content-range': `bytes ${range.start}-${range.end}/${version.size}` }),
      ...(tagCount > 0 && { 'x-amz-tagging-count': String(tagCount) }),
    },
    body: '',
  };
}

/** A 304 carries no checksum: the SDK would check it against the empty body. */
function notModified(version: ObjectVersion): Reply {
  return { status: 304, headers: { etag: `"${version.etag}"` }, body: '' };
}

function responseOverrides(query: URLSearchParams): Headers {
  const overrides = [...query].filter(([name]) => name.startsWith('response-'));
  return Object.fromEntries(
    overrides.map(([name, value]) => [name.slice('response-'.length), value]),
  );
}

/** In a versioned bucket this adds a marker; only naming a version takes bytes away. */
export async function deleteObject(request: S3Request): Promise<Reply> {
  const { store, bucket, key, call } = request;
  const versionId = call.query.get('versionId');
  authorizeObject(request, versionId === null ? 'DeleteObject' : 'DeleteObjectVersion');
  const headers: Record<string, string> = {};
  await store.update(bucket.name, key, (versions) => {
    checkDeleteCondition(request.headers, versions[0]);
    if (versionId !== null) {
      headers['x-amz-version-id'] = versionId;
      return versions.filter((version) => version.versionId !== versionId);
    }
    if (!bucket.isVersioned) return versions.filter((version) => version.versionId !== 'null');
    const marker = {
      kind: 'delete-marker',
      versionId: newVersionId(request),
      lastModifiedMs: request.nowMs(),
    } as const;
    headers['x-amz-version-id'] = marker.versionId;
    headers['x-amz-delete-marker'] = 'true';
    return withNewest(versions, marker);
  });
  return { status: 204, headers, body: '' };
}

function checkDeleteCondition(headers: Headers, newest: Version | undefined): void {
  const { 'if-match': ifMatch } = headers;
  if (ifMatch !== undefined) checkWriteConditions({ 'if-match': ifMatch }, newest);
}
