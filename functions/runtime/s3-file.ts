import { GetObjectCommand, HeadObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import type { AsyncBuffer } from 'hyparquet';

/** An object that is read a range at a time. */
export async function openS3File(
  client: S3Client,
  bucket: string,
  key: string,
): Promise<AsyncBuffer> {
  const { ContentLength: byteLength = 0 } = await client.send(
    new HeadObjectCommand({ Bucket: bucket, Key: key }),
  );
  return {
    byteLength,
    async slice(start, end = byteLength) {
      if (start >= end) return new ArrayBuffer(0);
      const { Body } = await client.send(
        new GetObjectCommand({ Bucket: bucket, Key: key, Range: `bytes=${start}-${end - 1}` }),
      );
      if (!Body) throw new Error(`${key} has no bytes ${start} to ${end - 1}`);
      return ownBuffer(await Body.transformToByteArray());
    },
  };
}

/** The bytes in a buffer that holds nothing else: small ones share a pool. */
const ownBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array): ArrayBuffer =>
  buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
