import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  S3Client,
} from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import {
  bucket,
  type Declaration,
  type EmulatedAccount,
  KEY,
  KEY_ARN,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';

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

function clientOf(account: EmulatedAccount, roleName = 'writer'): S3Client {
  const { endpoint, region } = account;
  return new S3Client({ endpoint, region, credentials: account.keysOf(roleName), maxAttempts: 1 });
}
const put = (Bucket: string, Key: string, more: object = {}) =>
  new PutObjectCommand({ Bucket, Key, Body: 'x', ...more });
const get = (Bucket: string, Key: string) => new GetObjectCommand({ Bucket, Key });

describe('permissions', () => {
  const denial = (action: string, resource: string) => ({
    name: 'AccessDenied',
    message: expect.stringContaining(
      `assumed-role/confined/test is not authorized to perform: ${action} on resource: ${resource}`,
    ),
    $metadata: { httpStatusCode: 403 },
  });
  const confinedTo = (...statements: Parameters<typeof role>[1][]) =>
    startAccount([role('confined', ...statements), writer, plain, versioned]);

  test('a missing one answers 403 and names principal, action and resource', async () => {
    await using confined = await confinedTo(['s3:PutObject', 'arn:aws:s3:::plain/mine/*']);
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
    await using confined = await confinedTo(['s3:GetObject']);
    await expect(clientOf(confined, 'confined').send(get('plain', 'absent'))).rejects.toMatchObject(
      denial('s3:ListBucket', 'arn:aws:s3:::plain'),
    );
    await expect(clientOf(confined).send(get('plain', 'absent'))).rejects.toMatchObject({
      name: 'NoSuchKey',
    });
  });

  test('a listing can be confined to a prefix', async () => {
    const mine = { StringLike: { 's3:prefix': 'mine/*' } };
    await using confined = await confinedTo(['s3:ListBucket', 'arn:aws:s3:::plain', mine]);
    const list = (Prefix: string) =>
      clientOf(confined, 'confined').send(new ListObjectsV2Command({ Bucket: 'plain', Prefix }));
    await expect(list('mine/')).resolves.toMatchObject({ KeyCount: 0 });
    await expect(list('')).rejects.toMatchObject(denial('s3:ListBucket', 'arn:aws:s3:::plain'));
  });

  test('tags, replacing by ETag, versions and copies need permissions of their own', async () => {
    await using confined = await confinedTo(['s3:PutObject']);
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
    await using account = await startAccount([plain]);
    const response = await fetch(`${account.endpoint}/plain/k`);
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
