import { GetObjectCommand, paginateListObjectsV2, type S3Client } from '@aws-sdk/client-s3';
import { ARCHIVE_COLUMNS, type ArchivedRow, type ArchiveTable } from '../contracts/archive.ts';
import { openParquet } from '../runtime/parquet-file.ts';
import { openS3File } from '../runtime/s3-file.ts';

/** Reads the archive as it was written: at least once, so whoever reads keeps one row of each key. */
export class ArchiveReader {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  /** Rows of the predictions of a day of UTC, `2026-11-23`, a row group in memory at a time. */
  async *rows<Table extends ArchiveTable>(
    table: Table,
    model: string,
    day: string,
  ): AsyncGenerator<ArchivedRow<Table>> {
    const columns = Object.keys(ARCHIVE_COLUMNS[table]);
    for await (const key of this.#keys(`${table}/model=${model}/day=${day}/`)) {
      const file = await openParquet(await openS3File(this.#client, this.#bucket, key));
      for (const group of file.groups) {
        const cells = await file.readColumns(columns, group);
        for (let row = 0; row < group.rows; row++)
          yield { model, day, ...rowOf(columns, cells, row) } as ArchivedRow<Table>;
      }
    }
  }

  /** A line that was too long for a row, as JSON. */
  async line(key: string): Promise<string> {
    const { Body } = await this.#client.send(
      new GetObjectCommand({ Bucket: this.#bucket, Key: key }),
    );
    if (!Body) throw new Error(`${key} is empty`);
    return Body.transformToString();
  }

  async *#keys(prefix: string): AsyncGenerator<string> {
    const pages = paginateListObjectsV2(
      { client: this.#client },
      { Bucket: this.#bucket, Prefix: prefix },
    );
    for await (const { Contents = [] } of pages) for (const { Key } of Contents) if (Key) yield Key;
  }
}

/** Cells that are null are absent, as they were when the row was written. */
function rowOf(
  columns: readonly string[],
  cells: readonly ArrayLike<unknown>[],
  row: number,
): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  columns.forEach((name, at) => {
    const value = cells[at]?.[row];
    if (value !== null && value !== undefined) values[name] = value;
  });
  return values;
}
