import { once } from 'node:events';
import { readdir } from 'node:fs/promises';
import { request } from 'node:http';
import { join } from 'node:path';
import {
  CompleteMultipartUploadCommand,
  CopyObjectCommand,
  CreateMultipartUploadCommand,
  GetBucketPolicyCommand,
  GetObjectCommand,
  HeadBucketCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type Declaration,
  type EmulatedAccount,
  KEY,
  KEY_ARN,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { s3Cases } from '../cases/s3.case.ts';

const bucket = (
  BucketName: string,
  properties: Readonly<Record<string, unknown>> = {},
): Declaration => ['AWS::S3::Bucket', BucketName, { BucketName, ...properties }];
const plain = bucket('plain');
const versioned = bucket('versioned', { VersioningConfiguration: { Status: 'Enabled' } });
const sealed = (BucketKeyEnabled: boolean) =>
  bucket('sealed', {
    BucketEncryption: {
      ServerSideEncryptionConfiguration: [
        {
          BucketKeyEnabled,
          ServerSideEncryptionByDefault: { SSEAlgorithm: 'aws:kms', KMSMasterKeyID: KEY_ARN },
        },
      ],
    },
  });
const writer = role('writer', ['s3:*']);

function clientOf({ endpoint, region, keysOf }: EmulatedAccount, roleName = 'writer'): S3Client {
  return new S3Client({ endpoint, region, credentials: keysOf(roleName), maxAttempts: 1 });
}
const put = (Bucket: string, Key: string, more: object = {}) =>
  new PutObjectCommand({ Bucket, Key, Body: 'x', ...more });
const get = (Bucket: string, Key: string) => new GetObjectCommand({ Bucket, Key });

const shared = await startAccount([writer, plain, versioned]);
afterAll(() => shared[Symbol.asyncDispose]());
s3Cases('emulator', async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('writer'),
  plainBucket: 'plain',
  versionedBucket: 'versioned',
}));

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

describe('permissions', () => {
  const denial = (action: string, resource: string) => ({
    name: 'AccessDenied',
    message: expect.stringContaining(
      `assumed-role/confined/test is not authorized to perform: ${action} on resource: ${resource}`,
    ),
    $metadata: { httpStatusCode: 403 },
  });
  const account = (...statements: Parameters<typeof role>[1][]) =>
    startAccount([role('confined', ...statements), writer, plain, versioned]);

  test('a missing one answers 403 and names principal, action and resource', async () => {
    await using confined = await account(['s3:PutObject', 'arn:aws:s3:::plain/mine/*']);
    const client = clientOf(confined, 'confined');
    await client.send(put('plain', 'mine/1'));
    await expect(client.send(put('plain', 'yours/1'))).rejects.toMatchObject(
      denial('s3:PutObject', 'arn:aws:s3:::plain/yours/1'),
    );
    await expect(client.send(get('plain', 'mine/1'))).rejects.toMatchObject(
      denial('s3:GetObject', 'arn:aws:s3:::plain/mine/1'),
    );
  });

  test('only who may list a bucket learns that an object is not there', async () => {
    await using confined = await account(['s3:GetObject']);
    await expect(clientOf(confined, 'confined').send(get('plain', 'absent'))).rejects.toMatchObject(
      denial('s3:ListBucket', 'arn:aws:s3:::plain'),
    );
    await expect(clientOf(confined).send(get('plain', 'absent'))).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
  });

  test('a listing can be confined to a prefix', async () => {
    const mine = { StringLike: { 's3:prefix': 'mine/*' } };
    await using confined = await account(['s3:ListBucket', 'arn:aws:s3:::plain', mine]);
    const list = (Prefix: string) =>
      clientOf(confined, 'confined').send(new ListObjectsV2Command({ Bucket: 'plain', Prefix }));
    await expect(list('mine/')).resolves.toMatchObject({ KeyCount: 0 });
    await expect(list('')).rejects.toMatchObject(denial('s3:ListBucket', 'arn:aws:s3:::plain'));
  });

  test('tags, replacing by ETag, versions and copies need permissions of their own', async () => {
    await using confined = await account(['s3:PutObject']);
    const client = clientOf(confined, 'confined');
    const { ETag: IfMatch } = await client.send(put('versioned', 'k'));
    const { VersionId } = await clientOf(confined).send(put('versioned', 'k'));
    await expect(client.send(put('plain', 'k', { Tagging: 'a=b' }))).rejects.toMatchObject(
      denial('s3:PutObjectTagging', 'arn:aws:s3:::plain/k'),
    );
    await expect(client.send(put('versioned', 'k', { IfMatch }))).rejects.toMatchObject(
      denial('s3:GetObject', 'arn:aws:s3:::versioned/k'),
    );
    const version = new GetObjectCommand({ Bucket: 'versioned', Key: 'k', VersionId });
    await expect(client.send(version)).rejects.toMatchObject(
      denial('s3:GetObjectVersion', 'arn:aws:s3:::versioned/k'),
    );
    const copy = new CopyObjectCommand({ Bucket: 'plain', Key: 'c', CopySource: 'versioned/k' });
    await expect(client.send(copy)).rejects.toMatchObject(
      denial('s3:GetObject', 'arn:aws:s3:::versioned/k'),
    );
  });

  test('a bucket policy that enforces TLS lets calls pass, and one that denies does not', async () => {
    const policy = (Action: string, Condition: object): Declaration => [
      'AWS::S3::BucketPolicy',
      `Policy${Action.length}`,
      {
        Bucket: 'plain',
        PolicyDocument: {
          Statement: {
            Effect: 'Deny',
            Principal: { AWS: '*' },
            Action,
            Resource: ['arn:aws:s3:::plain', 'arn:aws:s3:::plain/*'],
            Condition,
          },
        },
      },
    ];
    const tls = policy('s3:*', { Bool: { 'aws:SecureTransport': 'false' } });
    await using account = await startAccount([writer, plain, tls, policy('s3:GetObject', {})]);
    await clientOf(account).send(put('plain', 'k'));
    await expect(clientOf(account).send(get('plain', 'k'))).rejects.toThrow(
      'with an explicit deny in a resource-based policy (Test/Policy12)',
    );
  });

  test('nobody reads without a signature', async () => {
    const response = await fetch(`${shared.endpoint}/plain/k`);
    expect(response.status).toBe(403);
    expect(await response.text()).toContain('<Code>MissingAuthenticationToken</Code>');
  });
});

describe('encryption with a key', () => {
  const context = (action: string, arn: string) =>
    [
      action,
      KEY_ARN,
      {
        StringEquals: {
          'kms:ViaService': `s3.${PLACE.region}.amazonaws.com`,
          'kms:EncryptionContext:aws:s3:arn': arn,
        },
      },
    ] as const;

  test.each([
    [true, 'arn:aws:s3:::sealed'],
    [false, 'arn:aws:s3:::sealed/k'],
  ])(
    'needs its use through S3; with a bucket key (%s) the context is %s',
    async (bucketKey, arn) => {
      const opener = role(
        'opener',
        ['s3:*'],
        context('kms:Decrypt', arn),
        context('kms:GenerateDataKey', arn),
      );
      await using account = await startAccount([KEY, sealed(bucketKey), writer, opener]);
      const written = await clientOf(account, 'opener').send(put('sealed', 'k'));
      expect(written).toMatchObject({ ServerSideEncryption: 'aws:kms', SSEKMSKeyId: KEY_ARN });
      const got = await clientOf(account, 'opener').send(get('sealed', 'k'));
      expect(await got.Body?.transformToString()).toBe('x');
      await expect(clientOf(account).send(put('sealed', 'k'))).rejects.toThrow(
        `kms:GenerateDataKey on resource: ${KEY_ARN}`,
      );
      await expect(clientOf(account).send(get('sealed', 'k'))).rejects.toThrow(
        `kms:Decrypt on resource: ${KEY_ARN}`,
      );
      const head = new HeadObjectCommand({ Bucket: 'sealed', Key: 'k' });
      await expect(clientOf(account).send(head)).resolves.toMatchObject({ ContentLength: 1 });
    },
  );

  test('makes the ETag something else than the MD5 of the content', async () => {
    const opener = role('opener', ['s3:*'], ['kms:*']);
    await using account = await startAccount([KEY, sealed(true), plain, opener]);
    const client = clientOf(account, 'opener');
    const [first, second] = [
      await client.send(put('sealed', 'a')),
      await client.send(put('sealed', 'b')),
    ];
    expect(first.ETag).not.toBe(second.ETag);
    expect((await client.send(put('plain', 'a'))).ETag).toBe('"9dd4e461268c8034f5c8564e155c67a6"');
  });
});

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
