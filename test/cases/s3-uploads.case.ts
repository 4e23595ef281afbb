import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import {
  AbortMultipartUploadCommand,
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  GetObjectCommand,
  ListPartsCommand,
  PutObjectCommand,
  S3Client,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { S3Target } from './s3.case.ts';

const PART_BYTES = 5 * 1024 ** 2;
const sha256 = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('base64');

/** What Slipway relies on when it uploads to S3 in parts or by presigned URL, wherever it runs. */
export function s3UploadCases(name: string, connect: () => Promise<S3Target>): void {
  describe(`S3 uploads: ${name}`, () => {
    let client: S3Client;
    let Bucket: string;
    let folders = 0;
    /** A key that no other case uses. */
    const freshKey = (tail = 'object') => `uploads/${Date.now()}-${(folders += 1)}/${tail}`;

    beforeAll(async () => {
      const target = await connect();
      Bucket = target.plainBucket;
      client = new S3Client({ ...target, ...(target.endpoint && { forcePathStyle: true }) });
    });
    afterAll(() => client.destroy());

    const put = (Key: string, Body: string) =>
      client.send(new PutObjectCommand({ Bucket, Key, Body }));
    const read = async (Key: string) => {
      const { Body } = await client.send(new GetObjectCommand({ Bucket, Key }));
      return Body?.transformToString();
    };
    const failure = (status: number, code: string) => ({
      name: code,
      $metadata: { httpStatusCode: status },
    });

    test('puts parts together and keeps their composite checksum', async () => {
      const object = { Bucket, Key: freshKey() };
      const parts = [randomBytes(PART_BYTES), randomBytes(1000)];
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({
          ...object,
          ChecksumAlgorithm: 'SHA256',
          Metadata: { a: '1' },
        }),
      );
      const uploaded = [];
      for (const [index, Body] of parts.entries()) {
        const PartNumber = index + 1;
        const { ETag, ChecksumSHA256 } = await client.send(
          new UploadPartCommand({
            ...object,
            UploadId,
            PartNumber,
            Body,
            ChecksumAlgorithm: 'SHA256',
          }),
        );
        uploaded.push({ PartNumber, ETag, ChecksumSHA256 });
      }
      const listed = await client.send(new ListPartsCommand({ ...object, UploadId }));
      expect(listed.Parts?.map(({ Size }) => Size)).toEqual([PART_BYTES, 1000]);
      const completed = await client.send(
        new CompleteMultipartUploadCommand({
          ...object,
          UploadId,
          MultipartUpload: { Parts: uploaded },
        }),
      );
      const digests = parts.map((part) => createHash('sha256').update(part).digest());
      expect(completed.ChecksumSHA256).toBe(`${sha256(Buffer.concat(digests))}-2`);
      expect(completed.ETag).toMatch(/-2"$/);
      const got = await client.send(new GetObjectCommand(object));
      const content = Buffer.from((await got.Body?.transformToByteArray()) ?? []);
      expect(content.equals(Buffer.concat(parts))).toBe(true);
      expect(got.Metadata).toEqual({ a: '1' });
      await expect(
        client.send(new ListPartsCommand({ ...object, UploadId })),
      ).rejects.toMatchObject(failure(404, 'NoSuchUpload'));
    });

    test('gives an object uploaded in parts the checksum of the whole when asked', async () => {
      const object = { Bucket, Key: freshKey() };
      const Body = randomBytes(1000);
      const { UploadId } = await client.send(
        new CreateMultipartUploadCommand({
          ...object,
          ChecksumAlgorithm: 'CRC32',
          ChecksumType: 'FULL_OBJECT',
        }),
      );
      const { ETag, ChecksumCRC32 } = await client.send(
        new UploadPartCommand({
          ...object,
          UploadId,
          PartNumber: 1,
          Body,
          ChecksumAlgorithm: 'CRC32',
        }),
      );
      const Parts = [{ PartNumber: 1, ETag, ChecksumCRC32 }];
      const completed = await client.send(
        new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }),
      );
      const whole = Buffer.alloc(4);
      whole.writeUInt32BE(crc32(Body));
      expect(completed.ChecksumCRC32).toBe(whole.toString('base64'));
    });

    test('refuses parts that are missing, out of order or too small, and forgets an aborted upload', async () => {
      const object = { Bucket, Key: freshKey() };
      const { UploadId } = await client.send(new CreateMultipartUploadCommand(object));
      const upload = async (PartNumber: number) => {
        const { ETag } = await client.send(
          new UploadPartCommand({ ...object, UploadId, PartNumber, Body: 'small' }),
        );
        return { PartNumber, ETag };
      };
      const [first, second] = [await upload(1), await upload(2)];
      const complete = (Parts: object[]) =>
        client.send(
          new CompleteMultipartUploadCommand({ ...object, UploadId, MultipartUpload: { Parts } }),
        );
      await expect(complete([second, first])).rejects.toMatchObject(
        failure(400, 'InvalidPartOrder'),
      );
      await expect(complete([{ ...first, ETag: '"0"' }])).rejects.toMatchObject(
        failure(400, 'InvalidPart'),
      );
      await expect(complete([first, second])).rejects.toMatchObject(failure(400, 'EntityTooSmall'));
      await client.send(new AbortMultipartUploadCommand({ ...object, UploadId }));
      await expect(upload(3)).rejects.toMatchObject(failure(404, 'NoSuchUpload'));
      await expect(read(object.Key)).rejects.toMatchObject(failure(404, 'NoSuchKey'));
    });

    test('a presigned GET works without credentials, until it is changed or expires', async () => {
      const Key = freshKey('a b');
      await put(Key, 'hello');
      const presign = (expiresIn: number, signingDate = new Date()) =>
        getSignedUrl(client, new GetObjectCommand({ Bucket, Key }), { expiresIn, signingDate });
      const url = await presign(60);
      expect(await (await fetch(url)).text()).toBe('hello');
      expect((await fetch(url.replace('a%20b', 'other'))).status).toBe(403);
      expect((await fetch(`${url}&response-content-type=text/html`)).status).toBe(403);
      expect((await fetch(await presign(60, new Date(Date.now() - 61_000)))).status).toBe(403);
    });

    test('a presigned PUT takes only the content and length that were signed', async () => {
      const Key = freshKey();
      const ChecksumSHA256 = sha256('signed content');
      const command = new PutObjectCommand({ Bucket, Key, ChecksumSHA256, ContentLength: 14 });
      const url = await getSignedUrl(client, command, {
        expiresIn: 60,
        unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
        signableHeaders: new Set(['host', 'content-length']),
      });
      const send = (body: string, checksum = ChecksumSHA256) =>
        fetch(url, { method: 'PUT', body, headers: { 'x-amz-checksum-sha256': checksum } });
      expect((await send('forged content')).status).toBe(400);
      expect((await send('forged content', sha256('forged content'))).status).toBe(403);
      expect((await send('longer than it was signed')).status).toBe(403);
      expect((await fetch(url, { method: 'PUT', body: 'signed content' })).status).toBe(403);
      await expect(read(Key)).rejects.toMatchObject(failure(404, 'NoSuchKey'));
      expect((await send('signed content')).status).toBe(200);
      expect(await read(Key)).toBe('signed content');
    });
  });
}
