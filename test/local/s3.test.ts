import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadBucketCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, describe, expect, test } from 'vitest';
import {
  bucket,
  type EmulatedAccount,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { s3Cases } from '../cases/s3.case.ts';
import { s3UploadCases } from '../cases/s3-uploads.case.ts';

const plain = bucket('plain');
const versioned = bucket('versioned', { VersioningConfiguration: { Status: 'Enabled' } });
const writer = role('writer', ['s3:*']);

function clientOf(account: EmulatedAccount): S3Client {
  const { endpoint, region } = account;
  return new S3Client({ endpoint, region, credentials: account.keysOf('writer'), maxAttempts: 1 });
}
const put = (Bucket: string, Key: string, more: object = {}) =>
  new PutObjectCommand({ Bucket, Key, Body: 'x', ...more });
const get = (Bucket: string, Key: string) => new GetObjectCommand({ Bucket, Key });

const shared = await startAccount([writer, plain, versioned]);
afterAll(() => shared[Symbol.asyncDispose]());
const connect = async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('writer'),
  plainBucket: 'plain',
  versionedBucket: 'versioned',
});
s3Cases('emulator', connect);
s3UploadCases('emulator', connect);

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

describe('a client that goes away in the middle of an upload', () => {
  test('leaves the server alive, no object and no file', async () => {
    await using account = await startAccount([writer, plain]);
    const client = clientOf(account);
    const command = new PutObjectCommand({ Bucket: 'plain', Key: 'aborted' });
    const url = await getSignedUrl(client, command, { expiresIn: 60 });
    const upload = request(url, { method: 'PUT', headers: { 'content-length': 10_000_000 } });
    upload.on('error', () => {});
    upload.write(Buffer.alloc(1_000_000));
    const data = join(account.folder, 's3', 'data');
    await expect.poll(() => readdir(data)).toHaveLength(1);
    upload.destroy();
    await expect.poll(() => readdir(data)).toHaveLength(0);
    await expect(client.send(get('plain', 'aborted'))).rejects.toMatchObject({ name: 'NoSuchKey' });
    await expect(client.send(put('plain', 'next'))).resolves.toBeDefined();
    expect(account.faults).toEqual([]);
  });
});

describe('a restart', () => {
  test('keeps objects, their versions and uploads in progress', async () => {
    await using folder = await temporaryFolder();
    const object = { Bucket: 'versioned', Key: 'k' };
    const upload = { Bucket: 'plain', Key: 'parts' };
    let versionId: string | undefined;
    let UploadId: string | undefined;
    let ETag: string | undefined;
    {
      await using account = await startAccount([writer, plain, versioned], folder);
      const client = clientOf(account);
      versionId = (await client.send(new PutObjectCommand({ ...object, Body: 'one' }))).VersionId;
      await client.send(new PutObjectCommand({ ...object, Body: 'two' }));
      ({ UploadId } = await client.send(new CreateMultipartUploadCommand(upload)));
      const part = new UploadPartCommand({ ...upload, UploadId, PartNumber: 1, Body: 'part' });
      ({ ETag } = await client.send(part));
    }
    await using account = await startAccount([writer, plain, versioned], folder);
    const client = clientOf(account);
    const got = await client.send(new GetObjectCommand({ ...object, VersionId: versionId }));
    expect(await got.Body?.transformToString()).toBe('one');
    const parts = await client.send(new ListPartsCommand({ ...upload, UploadId }));
    expect(parts.Parts?.map(({ Size }) => Size)).toEqual([4]);
    await client.send(
      new CompleteMultipartUploadCommand({
        ...upload,
        UploadId,
        MultipartUpload: { Parts: [{ PartNumber: 1, ETag }] },
      }),
    );
    const completed = await client.send(get('plain', 'parts'));
    expect(await completed.Body?.transformToString()).toBe('part');
    // One file for each version and one for the completed upload; the part's own is gone.
    expect(await readdir(join(folder.folder, 's3', 'data'))).toHaveLength(3);
  });
});

describe('what S3 would refuse', () => {
  const client = clientOf(shared);

  test.each<[string, object, string]>([
    ['a key that is too long', { Key: 'k'.repeat(1025) }, 'KeyTooLongError'],
    ['too much metadata', { Metadata: { a: 'x'.repeat(2100) } }, 'MetadataTooLarge'],
    [
      'too many tags',
      { Tagging: Array.from({ length: 11 }, (_, tag) => `t${tag}=1`).join('&') },
      'InvalidTag',
    ],
    [
      'an encryption that is not known',
      { ServerSideEncryption: 'aws:kms:dsse' },
      'InvalidArgument',
    ],
  ])('%s', async (_, more, code) => {
    await expect(client.send(put('plain', 'k', more))).rejects.toMatchObject({
      name: code,
      $metadata: { httpStatusCode: 400 },
    });
  });

  test('more than 5 GB, before a byte of it is read', async () => {
    const url = await getSignedUrl(
      client,
      new PutObjectCommand({ Bucket: 'plain', Key: 'large' }),
      {
        expiresIn: 60,
      },
    );
    const upload = request(url, {
      method: 'PUT',
      headers: { 'content-length': 5 * 1024 ** 3 + 1 },
    });
    upload.on('error', () => {});
    upload.flushHeaders();
    const [response] = await once(upload, 'response');
    expect(response.statusCode).toBe(400);
    upload.destroy();
  });
});

describe('what is not emulated answers 501', () => {
  test('an operation, which is named', async () => {
    const failure = clientOf(shared).send(new GetBucketPolicyCommand({ Bucket: 'plain' }));
    await expect(failure).rejects.toMatchObject({
      name: 'NotImplemented',
      message: expect.stringContaining('S3: GET of a bucket with ?policy is not emulated'),
      $metadata: { httpStatusCode: 501 },
    });
  });

  test('a header, which is named', async () => {
    const failure = clientOf(shared).send(put('plain', 'k', { ACL: 'public-read' }));
    await expect(failure).rejects.toThrow('the header x-amz-acl is not emulated');
  });
});

test('HeadBucket finds buckets of the template only', async () => {
  const head = (Bucket: string) => clientOf(shared).send(new HeadBucketCommand({ Bucket }));
  await expect(head('plain')).resolves.toMatchObject({ BucketRegion: PLACE.region });
  await expect(head('absent')).rejects.toMatchObject({ $metadata: { httpStatusCode: 404 } });
});
