import { ServiceError } from './emulator.ts';
import { keyArn } from './kms-keys.ts';
import { checksumHeaders } from './s3-checksums.ts';
import type { Headers } from './s3-declaration.ts';
import type { BucketEncryption, S3Request } from './s3-request.ts';
import type { ObjectVersion } from './s3-store.ts';

const MOST_METADATA_BYTES = 2048;
const MOST_TAGS = 10;

const KEPT_HEADERS = [
  'cache-control',
  'content-disposition',
  'content-language',
  'content-type',
  'expires',
  'x-amz-storage-class',
];

/** Headers whose meaning is not emulated, and which must not be taken for done. */
const REFUSED_HEADERS =
  /^x-amz-(acl|grant-.*|object-lock-.*|website-redirect-location|server-side-encryption-(customer-.*|context)|write-offset-bytes)$/;

/** The headers of an upload that a read gives back. */
export function readObjectHeaders(headers: Headers): Headers {
  const refused = Object.keys(headers).find((name) => REFUSED_HEADERS.test(name));
  if (refused !== undefined) {
    throw new ServiceError(
      501,
      'NotImplemented',
      `S3: the header ${refused} is not emulated locally.`,
    );
  }
  const metadata = Object.entries(headers).filter(([name]) => name.startsWith('x-amz-meta-'));
  const bytes = Buffer.byteLength(
    metadata.map(([name, value]) => name.slice('x-amz-meta-'.length) + value).join(''),
  );
  if (bytes > MOST_METADATA_BYTES) {
    throw new ServiceError(
      400,
      'MetadataTooLarge',
      `Your metadata headers exceed the maximum allowed metadata size of ${MOST_METADATA_BYTES} bytes.`,
    );
  }
  const kept = KEPT_HEADERS.flatMap((name) => {
    const value = headers[name];
    return value === undefined ? [] : [[name, value]];
  });
  return {
    'content-type': 'binary/octet-stream',
    ...Object.fromEntries([...kept, ...metadata]),
    ...contentEncoding(headers),
  };
}

/** The framing of the upload is no encoding of the object. */
function contentEncoding(headers: Headers): Headers {
  const encodings = (headers['content-encoding'] ?? '')
    .split(',')
    .map((encoding) => encoding.trim())
    .filter((encoding) => encoding !== '' && encoding !== 'aws-chunked');
  return encodings.length === 0 ? {} : { 'content-encoding': encodings.join(',') };
}

/** The tags of an upload, kept as the header has them. */
export function readTagging(header: string | undefined): string | undefined {
  if (header === undefined || header === '') return undefined;
  const tags = new URLSearchParams(header);
  if (tags.size > MOST_TAGS || new Set(tags.keys()).size < tags.size) {
    throw new ServiceError(
      400,
      'InvalidTag',
      `An object takes at most ${MOST_TAGS} tags, each key once.`,
    );
  }
  return header;
}

/** How an upload is encrypted: as it asks, else as the bucket does by default. */
export function readEncryption({
  headers,
  bucket,
  place,
}: S3Request): BucketEncryption | undefined {
  const algorithm = headers['x-amz-server-side-encryption'];
  const key = headers['x-amz-server-side-encryption-aws-kms-key-id'];
  if (algorithm === undefined && key === undefined) return bucket.encryption;
  if (algorithm === 'AES256' && key === undefined) return undefined;
  if (algorithm !== 'aws:kms') {
    throw new ServiceError(
      400,
      'InvalidArgument',
      `The encryption method specified is not supported: ${algorithm}`,
    );
  }
  const arn = key === undefined ? bucket.encryption?.keyArn : keyArn(key, place);
  if (arn === undefined) {
    throw new ServiceError(
      501,
      'NotImplemented',
      'S3: the AWS managed key aws/s3 is not emulated; name a key of the template.',
    );
  }
  const bucketKey = headers['x-amz-server-side-encryption-bucket-key-enabled'];
  return {
    keyArn: arn,
    bucketKey:
      bucketKey === undefined ? (bucket.encryption?.bucketKey ?? false) : bucketKey === 'true',
  };
}

/** What writes and reads alike say of a version. */
export function putHeaders(
  version: Pick<ObjectVersion, 'etag' | 'versionId' | 'encryption'> & {
    readonly checksum?: ObjectVersion['checksum'] | undefined;
  },
): Record<string, string> {
  return {
    etag: `"${version.etag}"`,
    ...(version.versionId !== 'null' && { 'x-amz-version-id': version.versionId }),
    ...checksumHeaders(version.checksum),
    ...encryptionHeaders(version.encryption),
  };
}

/** S3 encrypts everything: under its own key unless it is told another. */
export function encryptionHeaders(
  encryption: BucketEncryption | undefined,
): Record<string, string> {
  if (encryption === undefined) return { 'x-amz-server-side-encryption': 'AES256' };
  return {
    'x-amz-server-side-encryption': 'aws:kms',
    'x-amz-server-side-encryption-aws-kms-key-id': encryption.keyArn,
    ...(encryption.bucketKey && { 'x-amz-server-side-encryption-bucket-key-enabled': 'true' }),
  };
}
