import {
  CopyObjectCommand,
  GetObjectCommand,
  HeadObjectCommand,
  NotFound,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import type { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import { artifactKey, type Digest, profileKey } from '../contracts/version.ts';

export interface UploadTicket {
  readonly url: string;
  /** To be sent with the PUT exactly so: they are part of the signature. */
  readonly headers: Readonly<Record<string, string>>;
}

/** One stored version of an upload: what was inspected is what is copied, whatever is uploaded later. */
export interface StoredUpload {
  readonly key: string;
  readonly versionId: string;
  readonly sizeBytes: number;
}

const uploadKey = (model: string, uploadId: string): string => `uploads/${model}/${uploadId}`;
const base64Of = (digest: Digest): string => Buffer.from(digest, 'hex').toString('base64');

/** The only code that touches the artifact bucket for writing. */
export class UploadStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** A URL that takes one PUT of exactly these bytes: S3 itself refuses another digest or length. */
  async openUpload(
    model: string,
    uploadId: string,
    digest: Digest,
    sizeBytes: number,
  ): Promise<UploadTicket> {
    const headers = {
      'x-amz-checksum-sha256': base64Of(digest),
      'content-length': String(sizeBytes),
    };
    const url = await getSignedUrl(
      this.#client,
      new PutObjectCommand({
        Bucket: this.#bucket,
        Key: uploadKey(model, uploadId),
        ContentLength: sizeBytes,
        ChecksumSHA256: base64Of(digest),
      }),
      {
        expiresIn: LIMITS.uploadExpirySeconds,
        signableHeaders: new Set(['content-length']),
        unhoistableHeaders: new Set(['x-amz-checksum-sha256']),
      },
    );
    return { url, headers };
  }

  async findUpload(model: string, uploadId: string): Promise<StoredUpload | undefined> {
    const key = uploadKey(model, uploadId);
    try {
      const head = await this.#client.send(
        new HeadObjectCommand({ Bucket: this.#bucket, Key: key }),
      );
      return { key, versionId: head.VersionId ?? 'null', sizeBytes: head.ContentLength ?? 0 };
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
  }

  /** A URL that reads this one upload, for a function that may read nothing else. */
  readUrl({ key, versionId }: StoredUpload): Promise<string> {
    return getSignedUrl(
      this.#client,
      new GetObjectCommand({ Bucket: this.#bucket, Key: key, VersionId: versionId }),
      { expiresIn: LIMITS.inspectionSeconds * 2 },
    );
  }

  /** Copies the upload to its place by digest; an artifact that is there already is never written again. */
  async keepArtifact(
    model: string,
    digest: Digest,
    { key, versionId }: StoredUpload,
  ): Promise<void> {
    const copy = new CopyObjectCommand({
      Bucket: this.#bucket,
      Key: artifactKey(model, digest),
      CopySource: `${this.#bucket}/${key}?versionId=${versionId}`,
      ChecksumAlgorithm: 'SHA256',
      IfNoneMatch: '*',
    });
    try {
      await this.#client.send(copy);
    } catch (error) {
      // The key is the digest, so what lies there is what would have been written.
      if (error instanceof S3ServiceException && error.name === 'PreconditionFailed') return;
      throw error;
    }
  }

  /** Frozen with the version: whatever comes first stays. */
  async keepProfile(digest: Digest, profile: DatasetProfile): Promise<void> {
    const put = new PutObjectCommand({
      Bucket: this.#bucket,
      Key: profileKey(digest),
      Body: JSON.stringify(profile),
      ContentType: 'application/json',
      IfNoneMatch: '*',
    });
    try {
      await this.#client.send(put);
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'PreconditionFailed') return;
      throw error;
    }
  }
}
