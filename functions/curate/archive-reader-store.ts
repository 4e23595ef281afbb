import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import type { ArchivedRow, ArchiveTable } from '../contracts/archive.ts';
import { openParquet } from '../runtime/parquet-file.ts';
import { openS3File } from '../runtime/s3-file.ts';

/** Reads the archive of what was recorded, a day at a time. */
export class ArchiveReader {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** Rows of a table that belong to predictions of that day; some more than once. */
  async *rows<Table extends ArchiveTable>(
    table: Table,
    model: string,
    day: string,
  ): AsyncGenerator<Partial<ArchivedRow<Table>>> {
    const Prefix = `${table}/model=${model}/day=${day}/`;
    const pages = paginateListObjectsV2({ client: this.#client }, { Bucket: this.#bucket, Prefix });
    for await (const { Contents = [] } of pages)
      for (const { Key } of Contents) if (Key) yield* this.#rowsOf<Table>(Key);
  }

  /** A line that was too long for a row. */
  async line(key: string): Promise<string> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
    );
    if (!Body) throw new Error(`${key} came without a body`);
    return Body.transformToString('utf8');
  }

  async *#rowsOf<Table extends ArchiveTable>(
    key: string,
  ): AsyncGenerator<Partial<ArchivedRow<Table>>> {
    const parquet = await openParquet(await openS3File(this.#client, this.#bucket, key));
    for (const group of parquet.groups) {
      const cells = await parquet.readColumns(parquet.columns, group);
      for (let row = 0; row < group.rows; row++)
        yield Object.fromEntries(
          parquet.columns.flatMap((name, at) => {
            const value = cells[at]?.[row] ?? undefined;
            return value === undefined ? [] : [[name, value]];
          }),
        ) as Partial<ArchivedRow<Table>>;
    }
  }
}
