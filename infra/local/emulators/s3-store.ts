import { randomUUID } from 'node:crypto';
import { mkdir, open, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import { type BatchOperation, Level } from 'level';
import { KeyedMutex } from './keyed-mutex.ts';
import type { Checksum } from './s3-checksums.ts';

/** What S3 keeps of an object besides its bytes. */
export interface ObjectVersion {
  readonly kind: 'object';
  /** `null` where the bucket was not versioned when it was written. */
  readonly versionId: string;
  readonly lastModifiedMs: number;
  /** The name of the file that holds the bytes. */
  readonly file: string;
  readonly size: number;
  /** Without the quotes. */
  readonly etag: string;
  /** Headers that are given back as they came: content type, caching, `x-amz-meta-…`. */
  readonly headers: Readonly<Record<string, string>>;
  readonly checksum?: Checksum;
  /** As in the `x-amz-tagging` header. */
  readonly tagging?: string;
  readonly encryption?: { readonly keyArn: string; readonly bucketKey: boolean };
}

/** Stands for a deleted object in a versioned bucket. */
export interface DeleteMarker {
  readonly kind: 'delete-marker';
  readonly versionId: string;
  readonly lastModifiedMs: number;
}

export type Version = ObjectVersion | DeleteMarker;

/** Newest first. */
type Versions = readonly Version[];
type Index = Level<string, unknown>;
type IndexOperation = BatchOperation<Index, string, unknown>;

/** Sorts after every character of a key. */
export const AFTER_ALL = '\u{10ffff}';

/**
 * Objects on disk: the bytes in one file per version, and a LevelDB index that is ordered by key as
 * listings are. Writing the index entry, synced, is the commit point; files that no entry names are
 * left-overs of interrupted uploads and go at the next start. s3rver, the known library, corrupts
 * streamed uploads and ignores If-None-Match.
 */
export class S3Store {
  readonly #index: Index;
  readonly #dataFolder: string;
  readonly #mutex = new KeyedMutex();

  private constructor(index: Index, dataFolder: string) {
    this.#index = index;
    this.#dataFolder = dataFolder;
  }

  static async open(folder: string): Promise<S3Store> {
    const dataFolder = join(folder, 'data');
    await mkdir(dataFolder, { recursive: true });
    const index: Index = new Level(join(folder, 'index'), { valueEncoding: 'json' });
    await index.open();
    const store = new S3Store(index, dataFolder);
    await store.#removeLeftovers();
    return store;
  }

  async close(): Promise<void> {
    await this.#index.close();
  }

  /** Where a new file for bytes may be written. */
  newFile(): string {
    return randomUUID();
  }

  pathOf(file: string): string {
    return join(this.#dataFolder, file);
  }

  async removeFile(file: string): Promise<void> {
    await rm(this.pathOf(file), { force: true });
  }

  /** Opens the bytes before it returns, so that a delete meanwhile does not cut the answer short. */
  async read(file: string, range: { start: number; end: number }): Promise<Readable> {
    const handle = await open(this.pathOf(file));
    return handle.createReadStream(range);
  }

  /** All versions of an object, newest first; none when there is no such key. */
  async versions(bucket: string, key: string): Promise<Versions> {
    return ((await this.#index.get(objectKey(bucket, key))) as Versions | undefined) ?? [];
  }

  /**
   * Replaces the versions of one object, alone among writers of that key. `change` sees the present
   * ones and gives the new ones; when it throws nothing is written.
   */
  async update(
    bucket: string,
    key: string,
    change: (versions: Versions) => Versions,
    alongside: readonly IndexOperation[] = [],
  ): Promise<void> {
    const indexKey = objectKey(bucket, key);
    await this.#mutex.run(indexKey, async () => {
      const before = await this.versions(bucket, key);
      const after = change(before);
      const operation: IndexOperation =
        after.length > 0
          ? { type: 'put', key: indexKey, value: after }
          : { type: 'del', key: indexKey };
      await this.#index.batch([operation, ...alongside], { sync: true });
      const kept = new Set(after.map(fileOf));
      const gone = before.map(fileOf).filter((file) => file !== undefined && !kept.has(file));
      await Promise.all(gone.map((file) => this.removeFile(file ?? '')));
    });
  }

  /** The newest version of each key after another one, in the order of the keys' UTF-8 bytes. */
  async *newest(
    bucket: string,
    { prefix, after }: { prefix: string; after: string },
  ): AsyncGenerator<[key: string, version: Version]> {
    const start = objectKey(bucket, '');
    const from = after > prefix ? { gt: start + after } : { gte: start + prefix };
    const range = { ...from, lt: start + prefix + AFTER_ALL };
    for await (const [indexKey, versions] of this.#index.iterator(range)) {
      const [newest] = versions as Versions;
      if (newest !== undefined) yield [indexKey.slice(start.length), newest];
    }
  }

  /** A record beside the objects, such as an upload in progress. */
  getRecord(key: string): Promise<unknown> {
    return this.#index.get(key);
  }

  async putRecord(key: string, value: unknown): Promise<void> {
    await this.#index.put(key, value, { sync: true });
  }

  async deleteRecords(keys: readonly string[]): Promise<void> {
    const operations = keys.map((key) => ({ type: 'del', key }) as const);
    await this.#index.batch(operations, { sync: true });
  }

  records(prefix: string): AsyncIterable<[key: string, value: unknown]> {
    return this.#index.iterator({ gte: prefix, lt: prefix + AFTER_ALL });
  }

  async #removeLeftovers(): Promise<void> {
    const named = new Set<string>();
    for await (const [, value] of this.#index.iterator()) {
      for (const record of Array.isArray(value) ? value : [value]) named.add(String(record.file));
    }
    const files = await readdir(this.#dataFolder);
    await Promise.all(
      files.filter((file) => !named.has(file)).map((file) => this.removeFile(file)),
    );
  }
}

function fileOf(version: Version): string | undefined {
  return version.kind === 'object' ? version.file : undefined;
}

function objectKey(bucket: string, key: string): string {
  return `object/${bucket}/${key}`;
}
