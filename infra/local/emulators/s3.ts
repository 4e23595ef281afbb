import type { Clock } from '../clock.ts';
import { notEmulated } from './aws-json.ts';
import type { Call, Emulator, Place, Reply, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { bucketTypes, readBucket } from './s3-buckets.ts';
import { copyObject } from './s3-copy.ts';
import { listObjects } from './s3-list.ts';
import {
  abortMultipartUpload,
  createMultipartUpload,
  listParts,
  uploadPart,
} from './s3-multipart.ts';
import { completeMultipartUpload } from './s3-multipart-completion.ts';
import { deleteObject, getObject, headObject, putObject } from './s3-objects.ts';
import {
  authorizeBucket,
  type Bucket,
  effectiveHeaders,
  readPath,
  type S3Request,
} from './s3-request.ts';
import { S3Store } from './s3-store.ts';
import { xmlError } from './s3-xml.ts';

/** Where objects live and which clock dates them. */
export interface S3Options {
  readonly folder: string;
  readonly place: Place;
  /** Gives objects their LastModified. */
  readonly clock: Clock;
}

interface Route {
  readonly operation: string;
  readonly method: string;
  readonly on: 'bucket' | 'object';
  /** Query parameters that tell this operation from others. */
  readonly query?: readonly string[];
  readonly header?: string;
  run(request: S3Request): Promise<Reply>;
}

/** The first route that fits is taken. */
const ROUTES: readonly Route[] = [
  {
    operation: 'CreateMultipartUpload',
    method: 'POST',
    on: 'object',
    query: ['uploads'],
    run: createMultipartUpload,
  },
  {
    operation: 'UploadPart',
    method: 'PUT',
    on: 'object',
    query: ['uploadId', 'partNumber'],
    run: uploadPart,
  },
  {
    operation: 'CompleteMultipartUpload',
    method: 'POST',
    on: 'object',
    query: ['uploadId'],
    run: completeMultipartUpload,
  },
  {
    operation: 'AbortMultipartUpload',
    method: 'DELETE',
    on: 'object',
    query: ['uploadId'],
    run: abortMultipartUpload,
  },
  { operation: 'ListParts', method: 'GET', on: 'object', query: ['uploadId'], run: listParts },
  {
    operation: 'CopyObject',
    method: 'PUT',
    on: 'object',
    header: 'x-amz-copy-source',
    run: copyObject,
  },
  { operation: 'PutObject', method: 'PUT', on: 'object', run: putObject },
  { operation: 'GetObject', method: 'GET', on: 'object', run: getObject },
  { operation: 'HeadObject', method: 'HEAD', on: 'object', run: headObject },
  { operation: 'DeleteObject', method: 'DELETE', on: 'object', run: deleteObject },
  {
    operation: 'ListObjectsV2',
    method: 'GET',
    on: 'bucket',
    query: ['list-type'],
    run: listObjects,
  },
  { operation: 'HeadBucket', method: 'HEAD', on: 'bucket', run: headBucket },
];

/** Query parameters that belong to the operations above; any other names a different operation. */
const PARAMETERS =
  /^(x-id|versionId|response-.*|x-amz-.*|prefix|delimiter|max-keys|start-after|continuation-token|encoding-type|fetch-owner)$/i;

/** S3 on disk: objects, versions, multipart uploads, conditional writes and checksums. */
export function createS3({ folder, place, clock }: S3Options): Emulator {
  let store: S3Store | undefined;
  let buckets: ReadonlyMap<string, Bucket> = new Map();

  function findBucket(name: string): Bucket {
    const bucket = buckets.get(name);
    if (bucket !== undefined) return bucket;
    throw new ServiceError(404, 'NoSuchBucket', 'The specified bucket does not exist', {
      BucketName: name,
    });
  }

  return {
    signingName: 's3',
    types: bucketTypes,
    async start(resources) {
      buckets = readBuckets(resources, place);
      store = await S3Store.open(folder);
    },
    async handle(call) {
      if (store === undefined) throw new Error('the S3 emulator is not started');
      const { bucketName, key } = readPath(call.path);
      const headers = effectiveHeaders(call);
      const route = findRoute(call, key === '' ? 'bucket' : 'object', headers);
      const nowMs = () => Math.floor(clock.nowMs());
      const bucket = findBucket(bucketName);
      return route.run({ call, store, place, bucket, key, headers, nowMs, findBucket });
    },
    renderError: xmlError,
    async stop() {
      await store?.close();
      store = undefined;
    },
  };
}

function readBuckets(resources: readonly Resource[], place: Place): ReadonlyMap<string, Bucket> {
  const buckets = resources
    .filter(({ type }) => type === 'AWS::S3::Bucket')
    .map((resource) => readBucket(resource, place));
  return new Map(buckets.map((bucket) => [bucket.name, bucket]));
}

function findRoute(
  { method, query }: Call,
  on: Route['on'],
  headers: Readonly<Record<string, string>>,
): Route {
  const named = [...query.keys()].filter((name) => !PARAMETERS.test(name)).toSorted();
  const route = ROUTES.find(
    (candidate) =>
      candidate.method === method &&
      candidate.on === on &&
      named.join() === (candidate.query ?? []).toSorted().join() &&
      (candidate.header === undefined || headers[candidate.header] !== undefined),
  );
  if (route !== undefined) return route;
  const operation = `${method} of ${on === 'bucket' ? 'a bucket' : 'an object'}`;
  const subresource = named.length > 0 ? ` with ?${named.join('&')}` : '';
  throw notEmulated(
    'S3',
    operation + subresource,
    ROUTES.map(({ operation: name }) => name),
  );
}

async function headBucket(request: S3Request): Promise<Reply> {
  authorizeBucket(request, 'ListBucket');
  return { status: 200, headers: { 'x-amz-bucket-region': request.place.region }, body: '' };
}
