import {
  CompleteMultipartUploadCommand,
  CreateMultipartUploadCommand,
  HeadObjectCommand,
  ListPartsCommand,
  NotFound,
  type S3Client,
  S3ServiceException,
  UploadPartCommand,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import { LIMITS } from '../contracts/limits.ts';
import { inParallel } from '../runtime/in-parallel.ts';

export interface UploadPart {
  readonly partNumber: number;
  readonly url: string;
  /** To be sent with the PUT exactly so: they are part of the signature. */
  readonly headers: Readonly<Record<string, string>>;
}

export type Completion =
  | { readonly kind: 'complete'; readonly sizeBytes: number }
  /** One line a part that is not there or not whole. */
  | { readonly kind: 'incomplete'; readonly missing: readonly string[] }
  | { readonly kind: 'unknown' };

export const uploadKey = (model: string, uploadId: string): string =>
  `uploads/${model}/${uploadId}`;

/** Sizes of the parts of a file, in order. */
export const partSizes = (sizeBytes: number): number[] =>
  Array.from({ length: Math.ceil(sizeBytes / LIMITS.datasetPartBytes) }, (_, at) =>
    Math.min(LIMITS.datasetPartBytes, sizeBytes - at * LIMITS.datasetPartBytes),
  );

/** The only code that touches uploads in the dataset bucket for writing. */
export class UploadStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  /** @param client that adds no checksums of its own: a signed URL would demand that of an empty body. */
  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** @returns S3's own id of the upload. */
  async begin(model: string, uploadId: string): Promise<string> {
    const { UploadId } = await this.#client.send(
      new CreateMultipartUploadCommand({ Bucket: this.#bucket, Key: uploadKey(model, uploadId) }),
    );
    if (!UploadId) throw new Error('S3 began an upload without an id');
    return UploadId;
  }

  /** A URL a part, each of which takes exactly the bytes of that part: S3 itself refuses another length. */
  signParts(
    model: string,
    uploadId: string,
    s3UploadId: string,
    sizeBytes: number,
  ): Promise<UploadPart[]> {
    return inParallel([...partSizes(sizeBytes).entries()], 8, async ([at, size]) => {
      const url = await getSignedUrl(
        this.#client,
        new UploadPartCommand({
          Bucket: this.#bucket,
          Key: uploadKey(model, uploadId),
          UploadId: s3UploadId,
          PartNumber: at + 1,
          ContentLength: size,
        }),
        {
          expiresIn: LIMITS.uploadExpirySeconds,
          signableHeaders: new Set(['content-length']),
        },
      );
      return { partNumber: at + 1, url, headers: { 'content-length': String(size) } };
    });
  }

  /** Makes the parts one object. Repeating it is safe. */
  async complete(
    model: string,
    uploadId: string,
    s3UploadId: string,
    sizeBytes: number,
  ): Promise<Completion> {
    const target = {
      Bucket: this.#bucket,
      Key: uploadKey(model, uploadId),
      UploadId: s3UploadId,
    };
    try {
      const { Parts = [] } = await this.#client.send(new ListPartsCommand(target));
      const missing = partSizes(sizeBytes).flatMap((size, at) => {
        const part = Parts.find(({ PartNumber }) => PartNumber === at + 1);
        if (!part) return [`part ${at + 1} of ${size} bytes: not uploaded`];
        return part.Size === size ? [] : [`part ${at + 1}: ${part.Size} bytes, not ${size}`];
      });
      if (missing.length > 0) return { kind: 'incomplete', missing };
      await this.#client.send(
        new CompleteMultipartUploadCommand({
          ...target,
          MultipartUpload: {
            Parts: Parts.map(({ PartNumber, ETag }) => ({ PartNumber, ETag })),
          },
        }),
      );
      return { kind: 'complete', sizeBytes };
    } catch (error) {
      if (!(error instanceof S3ServiceException) || error.name !== 'NoSuchUpload') throw error;
      // Completed before, or swept away after a day.
      const size = await this.findSize(model, uploadId);
      return size === undefined ? { kind: 'unknown' } : { kind: 'complete', sizeBytes: size };
    }
  }

  /** Bytes of a completed upload; undefined while there is none. */
  async findSize(model: string, uploadId: string): Promise<number | undefined> {
    try {
      const head = await this.#client.send(
        new HeadObjectCommand({ Bucket: this.#bucket, Key: uploadKey(model, uploadId) }),
      );
      return head.ContentLength ?? 0;
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }
}
