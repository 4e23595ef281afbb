import { GetObjectCommand, NoSuchKey, type S3Client } from '@aws-sdk/client-s3';
import { DatasetProfile } from '../contracts/dataset-profile.ts';
import { type Digest, profileKey } from '../contracts/version.ts';

/** Reads what versions were made from, as it was registered with them. */
export class ProfileStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** Undefined where a version was registered without one. */
  async find(digest: Digest): Promise<DatasetProfile | undefined> {
    const Key = profileKey(digest);
    try {
      const { Body } = await this.#client.send(new GetObjectCommand({ Bucket: this.#bucket, Key }));
      if (!Body) throw new Error(`${Key} came without a body`);
      return DatasetProfile.parse(JSON.parse(await Body.transformToString('utf8')));
    } catch (error) {
      if (error instanceof NoSuchKey) return undefined;
      throw error;
    }
  }
}
