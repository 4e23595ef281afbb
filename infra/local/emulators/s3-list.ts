import type { Reply } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { authorizeBucket, type S3Request } from './s3-request.ts';
import { AFTER_ALL, type ObjectVersion } from './s3-store.ts';
import { xmlReply } from './s3-xml.ts';

const MOST_KEYS = 1000;

interface ListQuery {
  readonly prefix: string;
  readonly delimiter: string;
  readonly after: string;
  readonly maxKeys: number;
}

interface Listing {
  readonly objects: { readonly key: string; readonly version: ObjectVersion }[];
  readonly commonPrefixes: string[];
  /** The last key or common prefix on the page. */
  last?: string;
  isTruncated: boolean;
}

/** ListObjectsV2: a page of keys and common prefixes, in the order of the keys. */
export async function listObjects(request: S3Request): Promise<Reply> {
  const { call, bucket } = request;
  const query = readListQuery(call.query);
  authorizeBucket(request, 'ListBucket', {
    's3:prefix': query.prefix,
    's3:delimiter': query.delimiter,
    's3:max-keys': String(query.maxKeys),
  });
  const listing: Listing = { objects: [], commonPrefixes: [], isTruncated: false };
  let after: string | undefined = query.after;
  while (after !== undefined) after = await collect(request, { ...query, after }, listing);
  const encode = call.query.get('encoding-type') === 'url' ? encodeKey : (key: string) => key;
  const { objects, commonPrefixes, isTruncated, last } = listing;
  return xmlReply('ListBucketResult', {
    Name: bucket.name,
    Prefix: encode(query.prefix),
    Delimiter: query.delimiter === '' ? undefined : encode(query.delimiter),
    MaxKeys: query.maxKeys,
    EncodingType: call.query.get('encoding-type') ?? undefined,
    StartAfter: call.query.get('start-after') ?? undefined,
    ContinuationToken: call.query.get('continuation-token') ?? undefined,
    KeyCount: objects.length + commonPrefixes.length,
    IsTruncated: isTruncated,
    NextContinuationToken: isTruncated && last !== undefined ? toToken(last) : undefined,
    Contents: objects.map(({ key, version }) => ({
      Key: encode(key),
      LastModified: new Date(version.lastModifiedMs).toISOString(),
      ETag: `"${version.etag}"`,
      ...(version.checksum && {
        ChecksumAlgorithm: version.checksum.algorithm,
        ChecksumType: version.checksum.type,
      }),
      Size: version.size,
      StorageClass: version.headers['x-amz-storage-class'] ?? 'STANDARD',
    })),
    CommonPrefixes: commonPrefixes.map((prefix) => ({ Prefix: encode(prefix) })),
  });
}

/**
 * Adds entries to the page until it is full or the keys end. Gives where to go on when it has met a
 * common prefix, whose other keys are then stepped over without reading them.
 */
async function collect(
  { store, bucket }: S3Request,
  { prefix, delimiter, after, maxKeys }: ListQuery,
  listing: Listing,
): Promise<string | undefined> {
  for await (const [key, version] of store.newest(bucket.name, { prefix, after })) {
    if (version.kind !== 'object') continue;
    if (listing.objects.length + listing.commonPrefixes.length >= maxKeys) {
      listing.isTruncated = maxKeys > 0;
      return undefined;
    }
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length);
    if (cut >= 0) {
      const commonPrefix = key.slice(0, cut + delimiter.length);
      listing.commonPrefixes.push(commonPrefix);
      listing.last = commonPrefix + AFTER_ALL;
      return listing.last;
    }
    listing.objects.push({ key, version });
    listing.last = key;
  }
  return undefined;
}

function readListQuery(query: URLSearchParams): ListQuery {
  const maxKeys = Number(query.get('max-keys') ?? MOST_KEYS);
  if (!Number.isInteger(maxKeys) || maxKeys < 0) {
    throw new ServiceError(
      400,
      'InvalidArgument',
      'Provided max-keys not an integer or within integer range',
    );
  }
  const token = query.get('continuation-token');
  return {
    prefix: query.get('prefix') ?? '',
    delimiter: query.get('delimiter') ?? '',
    after: token === null ? (query.get('start-after') ?? '') : fromToken(token),
    maxKeys: Math.min(maxKeys, MOST_KEYS),
  };
}

function toToken(key: string): string {
  return Buffer.from(key).toString('base64');
}

function fromToken(token: string): string {
  const key = Buffer.from(token, 'base64').toString();
  if (token !== '' && toToken(key) === token) return key;
  throw new ServiceError(400, 'InvalidArgument', 'The continuation token provided is incorrect');
}

function encodeKey(key: string): string {
  return encodeURIComponent(key).replaceAll('%2F', '/');
}
