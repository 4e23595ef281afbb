import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import { parquetWriteBuffer } from 'hyparquet-writer';
import { type DatasetDigest, datasetRowsKey } from '../contracts/dataset.ts';
import type { Components, QualityComponent } from '../contracts/quality-metric.ts';
import type { Digest } from '../contracts/version.ts';
import { openParquet, PARQUET_WRITERS, type ParquetFile } from '../runtime/parquet-file.ts';
import { openS3File } from '../runtime/s3-file.ts';

/** The only code of this folder that touches the dataset bucket. */
export class EvaluationStore {
  readonly #client: S3Client;
  readonly #bucket: string;

  constructor(client: S3Client, bucket: string) {
    this.#client = client;
    this.#bucket = bucket;
  }

  async openRows(model: string, dataset: DatasetDigest): Promise<ParquetFile> {
    return openParquet(
      await openS3File(this.#client, this.#bucket, datasetRowsKey(model, dataset)),
    );
  }

  /**
   * Keeps what each unit adds to every metric, in the order of the dataset: two versions' files of one
   * dataset are paired row by row. @returns the key.
   */
  async putUnits(
    model: string,
    dataset: DatasetDigest,
    digest: Digest,
    units: readonly Components[],
  ): Promise<string> {
    const key = `evaluations/${model}/${dataset}/${digest}.parquet`;
    const names = Object.keys(units[0] ?? { labels: 0 }) as QualityComponent[];
    const columnData = names.map((name) => ({
      name,
      type: 'DOUBLE' as const,
      nullable: false,
      data: Float64Array.from(units, (unit) => unit[name] ?? 0),
    }));
    const body = parquetWriteBuffer({ columnData, codec: 'ZSTD', compressors: PARQUET_WRITERS });
    await this.#client.send(
      new PutObjectCommand({ Bucket: this.#bucket, Key: key, Body: new Uint8Array(body) }),
    );
    return key;
  }

  /** What `putUnits` kept, as columns by component. */
  async readUnits(key: string): Promise<Record<string, Float64Array>> {
    const file = await openParquet(await openS3File(this.#client, this.#bucket, key));
    const columns: Record<string, Float64Array> = {};
    for (const name of file.columns) {
      const column = new Float64Array(file.rows);
      for (const group of file.groups) {
        const cells = await file.readColumn(name, group);
        for (let row = 0; row < group.rows; row++) column[group.start + row] = Number(cells[row]);
      }
      columns[name] = column;
    }
    return columns;
  }
}
