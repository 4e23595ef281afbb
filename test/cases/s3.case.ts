import { createHash, randomBytes } from 'node:crypto';
import { Readable } from 'node:stream';
import {
  CopyObjectCommand,
  DeleteObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  PutObjectCommand,
  type PutObjectCommandInput,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsTarget } from './target.ts';

export interface S3Target extends AwsTarget {
  /** Unversioned and empty, or with keys of earlier runs. */
  readonly plainBucket: string;
  readonly versionedBucket: string;
}

const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('base64');

/** What Slipway relies on in S3, wherever it runs. */
export function s3Cases(name: string, connect: () => Promise<S3Target>): void {
  describe(`S3: ${name}`, () => {
    let client: S3Client;
    let Bucket: string;
    let versionedBucket: string;
    let folders = 0;
    /** A key that no other case uses. */
    const freshKey = (tail = 'object') => `cases/${Date.now()}-${(folders += 1)}/${tail}`;

    beforeAll(async () => {
      const target = await connect();
      ({ plainBucket: Bucket, versionedBucket } = target);
      client = new S3Client({ ...target, ...(target.endpoint && { forcePathStyle: true }) });
    });
    afterAll(() => client.destroy());

    const put = (
      Key: string,
      Body: PutObjectCommandInput['Body'],
      more: Partial<PutObjectCommandInput> = {},
    ) => client.send(new PutObjectCommand({ Bucket, Key, Body, ...more }));
    const read = async (Key: string, more: { VersionId?: string; Range?: string } = {}) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key, ...more }));
      return Body?.transformToString();
    };
    const failure = (status: number, code: string) => ({
      name: code,
      $metadata: { httpStatusCode: status },
    });

    test.each([
      'plain',
      'a b+c%d',
      'ключ/😀.json',
      "quo'te(1)!*~",
      'dots/../x',
      'trailing/',
      'a//b',
    ])('keeps an object under the key %s', async (tail) => {
      const Key = freshKey(tail);
      const { ETag } = await put(Key, 'hello', {
        ContentType: 'text/plain',
        CacheControl: 'max-age=60',
        Metadata: { owner: 'me' },
      });
      const got = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(await got.Body?.transformToString()).toBe('hello');
      expect(got).toMatchObject({
        ETag,
        ContentLength: 5,
        ContentType: 'text/plain',
        CacheControl: 'max-age=60',
        Metadata: { owner: 'me' },
      });
      expect(got.LastModified).toBeInstanceOf(Date);
      const head = await client.send(new HeadObjectCommand({ Bucket, Key }));
      expect(head).toMatchObject({ ETag, ContentLength: 5, Metadata: { owner: 'me' } });
    });

    test('keeps a stream byte for byte, without its framing', async () => {
      const Key = freshKey();
      const bytes = randomBytes(300_000);
      const chunks = [bytes.subarray(0, 65_537), bytes.subarray(65_537)];
      await put(Key, Readable.from(chunks), { ContentLength: bytes.length });
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      expect(Buffer.from((await Body?.transformToByteArray()) ?? []).equals(bytes)).toBe(true);
    });

    test('keeps an empty object', async () => {
      const Key = freshKey();
      await put(Key, new Uint8Array());
      expect(await read(Key)).toBe('');
    });

    test.each([
      ['bytes=2-4', '234'],
      ['bytes=7-', '789'],
      ['bytes=-2', '89'],
      ['bytes=5-100', '56789'],
      ['bytes=-100', '0123456789'],
    ])('reads the range %s', async (Range, expected) => {
      const Key = freshKey();
      await put(Key, '0123456789');
      expect(await read(Key, { Range })).toBe(expected);
    });

    test('refuses a range beyond the end', async () => {
      const Key = freshKey();
      await put(Key, '0123456789');
      await expect(read(Key, { Range: 'bytes=10-' })).rejects.toMatchObject(
        failure(416, 'InvalidRange'),
      );
    });

    test('answers 304 to who has it, and 412 to who expects another', async () => {
      const Key = freshKey();
      const { ETag } = await put(Key, 'x');
      const get = (conditions: { IfMatch?: string; IfNoneMatch?: string }) =>
        client.send(new GetObjectCommand({ Bucket, Key, ...conditions }));
      await expect(get({ IfNoneMatch: ETag ?? '' })).rejects.toMatchObject({
        $metadata: { httpStatusCode: 304 },
      });
      await expect(get({ IfMatch: '"other"' })).rejects.toMatchObject(
        failure(412, 'PreconditionFailed'),
      );
      await expect(get({ IfMatch: ETag ?? '' })).resolves.toMatchObject({ ETag });
    });

    test('lets one of 20 racers create an object', async () => {
      const Key = freshKey();
      const races = await Promise.allSettled(
        Array.from({ length: 20 }, (_, racer) => put(Key, String(racer), { IfNoneMatch: '*' })),
      );
      const winners = races.flatMap(({ status }, racer) =>
        status === 'fulfilled' ? [String(racer)] : [],
      );
      expect(winners).toHaveLength(1);
      expect(await read(Key)).toBe(winners[0]);
      const lost = races.filter((race) => race.status === 'rejected').map(({ reason }) => reason);
      for (const { $metadata } of lost) expect([409, 412]).toContain($metadata.httpStatusCode);
    });

    test('replaces an object only for who has seen the newest', async () => {
      const Key = freshKey();
      const { ETag: first = '' } = await put(Key, 'one');
      const { ETag: second = '' } = await put(Key, 'two', { IfMatch: first });
      await expect(put(Key, 'three', { IfMatch: first })).rejects.toMatchObject(
        failure(412, 'PreconditionFailed'),
      );
      await expect(put(freshKey(), 'x', { IfMatch: second })).rejects.toMatchObject(
        failure(404, 'NoSuchKey'),
      );
      expect(await read(Key)).toBe('two');
    });

    test.each(['CRC32', 'CRC32C', 'CRC64NVME', 'SHA1', 'SHA256'] as const)(
      'verifies and gives back %s, in a header and in a trailer',
      async (ChecksumAlgorithm) => {
        const body = randomBytes(70_000);
        const sums = [];
        for (const Body of [body, Readable.from([body])]) {
          const Key = freshKey();
          await put(Key, Body, { ChecksumAlgorithm, ContentLength: body.length });
          const got = await client.send(
            new GetObjectCommand({ Bucket, Key, ChecksumMode: 'ENABLED' }),
          );
          await got.Body?.transformToByteArray();
          sums.push(got[`Checksum${ChecksumAlgorithm}`]);
        }
        expect(sums[0]).toMatch(/=$|[A-Za-z0-9+/]{11}/);
        expect(sums[1]).toBe(sums[0]);
      },
    );

    test('refuses content that is not what its checksum says, and keeps nothing', async () => {
      const Key = freshKey();
      const wrong = { ChecksumSHA256: sha256('other') };
      await expect(put(Key, 'content', wrong)).rejects.toMatchObject({
        $metadata: { httpStatusCode: 400 },
      });
      const ContentMD5 = createHash('md5').update('other').digest('base64');
      await expect(put(Key, 'content', { ContentMD5 })).rejects.toMatchObject(
        failure(400, 'BadDigest'),
      );
      await expect(read(Key)).rejects.toMatchObject(failure(404, 'NoSuchKey'));
    });

    test('lists in order, by prefix, with common prefixes, a page at a time', async () => {
      const folder = freshKey('');
      const tails = ['a', 'b/1', 'b/2', 'b0', 'c/1', 'd'];
      await Promise.all(tails.toReversed().map((tail) => put(folder + tail, tail)));
      const { CommonPrefixes, Contents, KeyCount } = await client.send(
        new ListObjectsV2Command({ Bucket, Prefix: folder, Delimiter: '/' }),
      );
      expect(CommonPrefixes?.map(({ Prefix }) => Prefix)).toEqual([`${folder}b/`, `${folder}c/`]);
      expect(Contents?.map(({ Key }) => Key)).toEqual(
        ['a', 'b0', 'd'].map((tail) => folder + tail),
      );
      expect(KeyCount).toBe(5);
      const list = async (more: object) => {
        const pages: string[][] = [];
        const query = { Bucket, Prefix: folder, ...more };
        for await (const page of paginateListObjectsV2({ client, pageSize: 2 }, query)) {
          const found = [
            ...(page.Contents ?? []).map(({ Key }) => Key),
            ...(page.CommonPrefixes ?? []).map(({ Prefix }) => Prefix),
          ];
          pages.push(found.map((key = '') => key.slice(folder.length)).toSorted());
        }
        return pages;
      };
      expect(await list({})).toEqual([
        ['a', 'b/1'],
        ['b/2', 'b0'],
        ['c/1', 'd'],
      ]);
      expect(await list({ Delimiter: '/' })).toEqual([['a', 'b/'], ['b0', 'c/'], ['d']]);
      expect(await list({ StartAfter: `${folder}b/2` })).toEqual([['b0', 'c/1'], ['d']]);
    });

    test('deletes, and deletes again without complaint', async () => {
      const Key = freshKey();
      await put(Key, 'x');
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
      await expect(read(Key)).rejects.toMatchObject(failure(404, 'NoSuchKey'));
      await client.send(new DeleteObjectCommand({ Bucket, Key }));
    });

    test('copies with and without new metadata', async () => {
      const [Key, kept, replaced] = [freshKey('a b+c'), freshKey(), freshKey()];
      await put(Key, 'content', { Metadata: { a: '1' }, Tagging: 'team=x' });
      const CopySource = `${Bucket}/${encodeURIComponent(Key)}`;
      const copy = (to: string, more: object = {}) =>
        client.send(new CopyObjectCommand({ Bucket, Key: to, CopySource, ...more }));
      await copy(kept);
      await copy(replaced, { MetadataDirective: 'REPLACE', Metadata: { b: '2' } });
      const head = (of: string) => client.send(new HeadObjectCommand({ Bucket, Key: of }));
      expect(await read(kept)).toBe('content');
      expect((await head(kept)).Metadata).toEqual({ a: '1' });
      expect((await head(replaced)).Metadata).toEqual({ b: '2' });
      await expect(copy(Key)).rejects.toMatchObject(failure(400, 'InvalidRequest'));
      await expect(copy(kept, { CopySourceIfMatch: '"other"' })).rejects.toMatchObject(
        failure(412, 'PreconditionFailed'),
      );
    });

    test('keeps every version, and puts a marker in place of a deleted one', async () => {
      const object = { Bucket: versionedBucket, Key: freshKey() };
      const write = async (Body: string) =>
        (await client.send(new PutObjectCommand({ ...object, Body }))).VersionId ?? '';
      const readVersion = async (VersionId?: string) => {
        const { Body } = await client.send(
          new GetObjectCommand({ ...object, ...(VersionId && { VersionId }) }),
        );
        return Body?.transformToString();
      };
      const [one, two] = [await write('one'), await write('two')];
      expect([await readVersion(), await readVersion(one), await readVersion(two)]).toEqual([
        'two',
        'one',
        'two',
      ]);

      const { DeleteMarker, VersionId: marker = '' } = await client.send(
        new DeleteObjectCommand(object),
      );
      expect(DeleteMarker).toBe(true);
      await expect(readVersion()).rejects.toMatchObject(failure(404, 'NoSuchKey'));
      await expect(readVersion(marker)).rejects.toMatchObject({
        $metadata: { httpStatusCode: 405 },
      });
      await client.send(new DeleteObjectCommand({ ...object, VersionId: marker }));
      expect(await readVersion()).toBe('two');

      const CopySource = `${object.Bucket}/${object.Key}?versionId=${one}`;
      await client.send(new CopyObjectCommand({ ...object, CopySource }));
      expect(await readVersion()).toBe('one');
      await expect(readVersion('doesNotExist0000000000000000000')).rejects.toMatchObject({
        $metadata: {
          httpStatusCode: expect.toSatisfy((status) => status === 400 || status === 404),
        },
      });
    });

    test('a bucket that is not there', async () => {
      const missing = new GetObjectCommand({ Bucket: `${Bucket}-is-not-there`, Key: 'x' });
      await expect(client.send(missing)).rejects.toMatchObject(failure(404, 'NoSuchBucket'));
    });
  });
}
