import type { Call, Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { authorizeKeyUse } from './kms-keys.ts';
import type { Headers } from './s3-declaration.ts';
import type { S3Store, Version } from './s3-store.ts';

/** A bucket of the template. */
export interface Bucket {
  readonly name: string;
  readonly arn: string;
  readonly isVersioned: boolean;
  readonly encryption?: BucketEncryption;
}

/** Encryption under a key of the template; without it S3 uses a key of its own. */
export interface BucketEncryption {
  readonly keyArn: string;
  /** With a bucket key KMS hears of the bucket instead of each object. */
  readonly bucketKey: boolean;
}

/** A call to S3 that is addressed: which bucket, which object. */
export interface S3Request {
  readonly call: Call;
  readonly store: S3Store;
  readonly place: Place;
  readonly bucket: Bucket;
  /** Empty for calls to the bucket itself. */
  readonly key: string;
  /** The headers; a presigned URL carries `x-amz-` ones in its query. */
  readonly headers: Headers;
  nowMs(): number;
  findBucket(name: string): Bucket;
}

const LONGEST_KEY_BYTES = 1024;

/** `/bucket/key` as received, decoded. */
export function readPath(path: string): { bucketName: string; key: string } {
  let decoded: string;
  try {
    decoded = decodeURIComponent(path);
  } catch {
    throw new ServiceError(400, 'InvalidURI', `Couldn't parse the specified URI: ${path}`);
  }
  const [, bucketName = '', key = ''] = /^\/([^/]*)\/?(.*)$/s.exec(decoded) ?? [];
  if (Buffer.byteLength(key) > LONGEST_KEY_BYTES) {
    throw new ServiceError(
      400,
      'KeyTooLongError',
      `Your key is longer than ${LONGEST_KEY_BYTES} bytes`,
    );
  }
  return { bucketName, key };
}

/** AWS takes no checksum from the query, where the SDK puts that of an empty body when it presigns. */
const HEADERS_ONLY = /^x-amz-(checksum-(crc|sha)|sdk-checksum-|trailer)/;

/** The headers of a call; a presigned URL may carry `x-amz-` ones in its query. */
export function effectiveHeaders({ headers, query }: Call): Headers {
  const effective: Record<string, string> = {};
  for (const [given, value] of query) {
    const name = given.toLowerCase();
    if (name.startsWith('x-amz-') && !HEADERS_ONLY.test(name)) effective[name] = value;
  }
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) effective[name] = value.toString();
  }
  return effective;
}

/** Asks for an action on the object the request names, with the condition keys S3 sets. */
export function authorizeObject(request: S3Request, action: string, key = request.key): void {
  request.call.authorize(`s3:${action}`, `${request.bucket.arn}/${key}`, conditionKeys(request));
}

/** Asks for an action on the bucket itself. */
export function authorizeBucket(
  request: S3Request,
  action: string,
  context: Record<string, string> = {},
): void {
  request.call.authorize(`s3:${action}`, request.bucket.arn, {
    ...conditionKeys(request),
    ...context,
  });
}

function conditionKeys({ headers }: S3Request): Record<string, string> {
  const context: Record<string, string> = {};
  for (const name of [
    'x-amz-server-side-encryption',
    'x-amz-server-side-encryption-aws-kms-key-id',
    'x-amz-content-sha256',
    'x-amz-copy-source',
    'x-amz-metadata-directive',
    'if-match',
    'if-none-match',
  ]) {
    const value = headers[name];
    if (value !== undefined) context[`s3:${name}`] = value;
  }
  return context;
}

/** Asks whether the caller may use the key that an object is, or will be, encrypted under. */
export function authorizeEncryption(
  { call, place, bucket }: Pick<S3Request, 'call' | 'place' | 'bucket'>,
  key: string,
  encryption: BucketEncryption | undefined,
  action: 'kms:GenerateDataKey' | 'kms:Decrypt',
): void {
  if (encryption === undefined) return;
  const arn = encryption.bucketKey ? bucket.arn : `${bucket.arn}/${key}`;
  const { keyArn } = encryption;
  authorizeKeyUse(call, place, {
    action,
    keyArn,
    via: 's3',
    encryptionContext: { 'aws:s3:arn': arn },
  });
}

/**
 * The answer when there is no such object: only who may list the bucket learns that, others are told
 * that they may not read.
 */
export function missing(request: S3Request, versionId: string | null): ServiceError {
  authorizeBucket(request, 'ListBucket');
  const Key = request.key;
  if (versionId === null) {
    return new ServiceError(404, 'NoSuchKey', 'The specified key does not exist.', { Key });
  }
  return new ServiceError(404, 'NoSuchVersion', 'The specified version does not exist.', { Key });
}

/** The version a request means: the named one, else the newest. */
export function pickVersion(
  versions: readonly Version[],
  versionId: string | null,
): Version | undefined {
  if (versionId === null) return versions[0];
  return versions.find((version) => version.versionId === versionId);
}
