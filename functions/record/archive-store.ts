import { setTimeout } from 'node:timers/promises';
import { type FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose';
import { PutObjectCommand, type S3Client } from '@aws-sdk/client-s3';
import {
  ARCHIVED_LINES_PREFIX,
  type ArchivedRow,
  type ArchiveTable,
} from '../contracts/archive.ts';
import { LIMITS } from '../contracts/limits.ts';

/** Stream by table. */
export type ArchiveStreams = Readonly<Record<ArchiveTable, string>>;

/** The only code that touches the archive: at least once, so queries keep one row of each key. */
export class ArchiveStore {
  readonly #firehose: FirehoseClient;
  readonly #s3: S3Client;
  readonly #streams: ArchiveStreams;
  readonly #bucket: string;

  constructor(firehose: FirehoseClient, s3: S3Client, streams: ArchiveStreams, bucket: string) {
    this.#firehose = firehose;
    this.#s3 = s3;
    this.#streams = streams;
    this.#bucket = bucket;
  }

  /** @throws when Firehose takes some of them not even after a few attempts. */
  async put<Table extends ArchiveTable>(
    table: Table,
    rows: readonly ArchivedRow<Table>[],
  ): Promise<void> {
    const records = rows.map((row) => Buffer.from(`${JSON.stringify(row)}\n`));
    for (const batch of batchesOf(records)) await this.#putBatch(this.#streams[table], batch);
  }

  /** Keeps a line that is too long for a record. @returns its key. */
  async putLine(model: string, day: string, predictionId: string, text: string): Promise<string> {
    const key = `${ARCHIVED_LINES_PREFIX}model=${model}/day=${day}/${predictionId}.json`;
    await this.#s3.send(
      new PutObjectCommand({
        Bucket: this.#bucket,
        Key: key,
        Body: text,
        ContentType: 'application/json',
      }),
    );
    return key;
  }

  async #putBatch(stream: string, batch: readonly Buffer[]): Promise<void> {
    let left = batch;
    for (let attempt = 1; attempt <= LIMITS.archiveAttempts; attempt++) {
      const { RequestResponses = [] } = await this.#firehose.send(
        new PutRecordBatchCommand({
          DeliveryStreamName: stream,
          Records: left.map((Data) => ({ Data })),
        }),
      );
      left = left.filter((_, at) => RequestResponses[at]?.ErrorCode !== undefined);
      if (left.length === 0) return;
      await setTimeout(FIRST_PAUSE_MS * 2 ** attempt);
    }
    throw new Error(`Firehose refused ${left.length} records of ${batch.length} for ${stream}`);
  }
}

const FIRST_PAUSE_MS = 25;

function* batchesOf(records: readonly Buffer[]): Generator<readonly Buffer[]> {
  let batch: Buffer[] = [];
  let bytes = 0;
  for (const record of records) {
    const isFull =
      batch.length === LIMITS.archiveBatchRecords ||
      bytes + record.length > LIMITS.archiveBatchBytes;
    if (isFull) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(record);
    bytes += record.length;
  }
  if (batch.length > 0) yield batch;
}
