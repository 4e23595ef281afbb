import { createHash } from 'node:crypto';
import { createReadStream, createWriteStream } from 'node:fs';
import { Readable, Transform } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import {
  GetObjectCommand,
  HeadObjectCommand,
  NoSuchKey,
  NotFound,
  PutObjectCommand,
  type S3Client,
  S3ServiceException,
} from '@aws-sdk/client-s3';
import { getSignedUrl } from '@aws-sdk/s3-request-presigner';
import {
  type DatasetDigest,
  datasetPrefix,
  datasetProfileKey,
  datasetRowsKey,
} from '../contracts/dataset.ts';
import { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import { openParquet, type ParquetFile } from '../runtime/parquet-file.ts';
import { openS3File } from '../runtime/s3-file.ts';
import type { BuiltDataset } from './dataset-build.ts';
import { uploadKey } from './upload-store.ts';

/** Whether something was written, or lay there already under its digest. */
type Kept = 'written' | 'there already';

/** The only code that touches datasets in the dataset bucket. */
export class DatasetStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** Brings an upload to this disk. @returns SHA-256 of its bytes. */
  async downloadUpload(model: string, uploadId: string, path: string): Promise<string> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: uploadKey(model, uploadId) }),
    );
    if (!(Body instanceof Readable)) throw new Error(`upload ${uploadId} came without a stream`);
    const hash = createHash('sha256');
    const hashing = new Transform({
      transform(chunk: Buffer, _encoding, done) {
        hash.update(chunk);
        done(null, chunk);
      },
    });
    await pipeline(Body, hashing, createWriteStream(path));
    return hash.digest('hex');
  }

  /**
   * Puts a whole dataset under its digest, rows last, so that where rows are everything is. What lies
   * there already is what would have been written.
   */
  async keep(model: string, dataset: BuiltDataset, profile: DatasetProfile): Promise<void> {
    const { digest, file, sizeBytes } = dataset;
    await this.keepDigests(model, dataset);
    const text = JSON.stringify(profile);
    await this.#putOnce(datasetProfileKey(model, digest), text, Buffer.byteLength(text));
    await this.#putOnce(datasetRowsKey(model, digest), createReadStream(file), sizeBytes);
  }

  /** Alone for a set that is there already, and whose spec has more entity keys since. */
  async keepDigests(model: string, { digest, digests }: BuiltDataset): Promise<void> {
    for (const [name, bytes] of digests)
      await this.#putOnce(digestsKey(model, digest, name), bytes, bytes.length);
  }

  async openRows(model: string, digest: DatasetDigest): Promise<ParquetFile> {
    return openParquet(await openS3File(this.#client, this.#bucket, datasetRowsKey(model, digest)));
  }

  async readProfile(model: string, digest: DatasetDigest): Promise<DatasetProfile> {
    const bytes = await this.#read(datasetProfileKey(model, digest));
    return DatasetProfile.parse(JSON.parse(Buffer.from(bytes).toString('utf8')));
  }

  /**
   * Short digests a row.
   * @param name of an entity key, or `ROW_DIGESTS`.
   * @returns undefined where the key was added to the spec after this set was made: nobody took them.
   */
  async readDigests(
    model: string,
    digest: DatasetDigest,
    name: string,
  ): Promise<Uint8Array | undefined> {
    try {
      return await this.#read(digestsKey(model, digest, name));
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }

  async putExport(model: string, digest: DatasetDigest, name: string, path: string, size: number) {
    await this.#client.send(
      new PutObjectCommand({
        Bucket: this.#bucket,
        Key: exportKey(model, digest, name),
        Body: createReadStream(path),
        ContentLength: size,
      }),
    );
  }

  /** A URL that downloads an export, or undefined while there is none. */
  async findExport(model: string, digest: DatasetDigest, name: string) {
    const key = exportKey(model, digest, name);
    try {
      await this.#client.send(new HeadObjectCommand({ Bucket: this.#bucket, Key: key }));
    } catch (error) {
      if (error instanceof NotFound) return undefined;
      throw error;
    }
    return this.#signDownload(key, `${model}-${digest.slice(0, 12)}-${name}`);
  }

  rowsUrl(model: string, digest: DatasetDigest): Promise<string> {
    return this.#signDownload(
      datasetRowsKey(model, digest),
      `${model}-${digest.slice(0, 12)}.parquet`,
    );
  }

  #signDownload(key: string, fileName: string): Promise<string> {
    return getSignedUrl(
      this.#client,
      new GetObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        ResponseContentDisposition: `attachment; filename="${fileName}"`,
      }),
      { expiresIn: LIMITS.downloadExpirySeconds },
    );
  }

  async #read(key: string): Promise<Uint8Array> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
    );
    if (!Body) throw new Error(`${key} came without a body`);
    return Body.transformToByteArray();
  }

  async #putOnce(
    key: string,
    body: Readable | string | Uint8Array,
    ContentLength: number,
  ): Promise<Kept> {
    try {
      await this.#client.send(
        new PutObjectCommand({
          Bucket: this.#bucket,
          Key: key,
          Body: body,
          ContentLength,
          ChecksumAlgorithm: 'SHA256',
          IfNoneMatch: '*',
        }),
      );
      return 'written';
    } catch (error) {
      if (error instanceof S3ServiceException && error.name === 'PreconditionFailed')
        return 'there already';
      throw error;
    }
  }
}

const digestsKey = (model: string, digest: DatasetDigest, name: string): string =>
  `${datasetPrefix(model, digest)}digests/${name === '#rows' ? 'rows' : `entity-${name}`}`;

const exportKey = (model: string, digest: DatasetDigest, name: string): string =>
  `exports/${model}/${digest}/${name}`;
