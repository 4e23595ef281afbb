import {
  ConditionalCheckFailedException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { type DatasetDigest, DatasetVersion, type RowsDigest } from '../contracts/dataset.ts';
import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { ImportRecord, type ImportState } from './import-record.ts';
import { SnapshotRecord, type SnapshotState } from './snapshot-record.ts';

export interface OpenUpload {
  readonly uploadId: string;
  readonly s3UploadId: string;
  readonly sizeBytes: number;
}

const IS_NEW = 'attribute_not_exists(sk)';
const DAY_SECONDS = 86_400;

export const versionKey = (digest: string): string => `version#${digest}`;
const importKey = (importId: string): string => `import#${importId}`;

const snapshotKey = (snapshotId: string): string => `snapshot#${snapshotId}`;

/** Items that nobody needs for ever say when they may go. */
const expiring = (at: Instant) => ({
  expiresAtEpochSeconds: Math.floor(epochMsOf(at) / 1000) + LIMITS.importRecordDays * DAY_SECONDS,
});

/** Versions, uploads and imports in the dataset table; pointers have a file of their own. */
export class DatasetTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async addUpload(model: string, upload: OpenUpload, at: Instant): Promise<void> {
    await this.#put({ model, sk: `upload#${upload.uploadId}`, ...upload, ...expiring(at) });
  }

  async findUpload(model: string, uploadId: string): Promise<OpenUpload | undefined> {
    return (await this.#get(model, `upload#${uploadId}`)) as OpenUpload | undefined;
  }

  /** @returns the import that is there already under this id, or the one given. */
  async addImport(record: ImportRecord): Promise<ImportRecord> {
    const item = { ...record, sk: importKey(record.importId), ...expiring(record.requestedAt) };
    if (await this.#put(item, IS_NEW)) return record;
    return (await this.findImport(record.model, record.importId)) ?? record;
  }

  async findImport(model: string, importId: string): Promise<ImportRecord | undefined> {
    const item = await this.#get(model, importKey(importId));
    return item && ImportRecord.parse(item);
  }

  async finishImport(record: ImportRecord, state: ImportState): Promise<ImportRecord> {
    const finished = { ...record, state };
    await this.#put({
      ...finished,
      sk: importKey(record.importId),
      ...expiring(record.requestedAt),
    });
    return finished;
  }

  /** @returns the snapshot that is there already under this id, or the one given. */
  async addSnapshot(record: SnapshotRecord): Promise<SnapshotRecord> {
    if (await this.#put({ ...record, sk: snapshotKey(record.snapshotId) }, IS_NEW)) return record;
    return (await this.findSnapshot(record.model, record.snapshotId)) ?? record;
  }

  async findSnapshot(model: string, snapshotId: string): Promise<SnapshotRecord | undefined> {
    const item = await this.#get(model, snapshotKey(snapshotId));
    return item && SnapshotRecord.parse(item);
  }

  async finishSnapshot(record: SnapshotRecord, state: SnapshotState): Promise<void> {
    await this.#put({ ...record, state, sk: snapshotKey(record.snapshotId) });
  }

  async find(model: string, digest: DatasetDigest): Promise<DatasetVersion | undefined> {
    const item = await this.#get(model, versionKey(digest));
    return item && DatasetVersion.parse(item);
  }

  /** @returns the version that is there already under this digest, or the one given. */
  async add(version: DatasetVersion): Promise<DatasetVersion> {
    const { model, digest, rowsDigest, createdAt } = version;
    const put = (sk: string, item: object) => ({
      Put: { TableName: this.#table, Item: { ...item, model, sk }, ConditionExpression: IS_NEW },
    });
    try {
      await this.#client.send(
        new TransactWriteCommand({
          TransactItems: [
            put(versionKey(digest), version),
            put(`listed#${createdAt}#${digest}`, version),
            put(`rows#${rowsDigest}#${digest}`, { digest }),
          ],
        }),
      );
      return version;
    } catch (error) {
      if (!(error instanceof TransactionCanceledException)) throw error;
      const known = await this.find(model, digest);
      if (known) return known;
      throw error;
    }
  }

  /** Newest first. @param cursor as the page before gave it. */
  async list(model: string, cursor?: string) {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :listed)',
        ExpressionAttributeValues: { ':model': model, ':listed': 'listed#' },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: LIMITS.pageSize,
        ...(cursor && { ExclusiveStartKey: { model, sk: `listed#${cursor}` } }),
      }),
    );
    const next = String(LastEvaluatedKey?.['sk'] ?? '').slice('listed#'.length);
    return { versions: Items.map((item) => DatasetVersion.parse(item)), ...(next && { next }) };
  }

  /** Digests of the versions with these rows in whatever order. */
  async withRows(model: string, rowsDigest: RowsDigest): Promise<string[]> {
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :rows)',
        ExpressionAttributeValues: { ':model': model, ':rows': `rows#${rowsDigest}#` },
        Limit: LIMITS.pageSize,
      }),
    );
    return Items.map(({ digest }) => String(digest));
  }

  async #get(model: string, sk: string) {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
    );
    return Item;
  }

  /** False when the condition does not hold. */
  async #put(Item: Record<string, unknown>, ConditionExpression?: string): Promise<boolean> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item,
          ...(ConditionExpression && { ConditionExpression }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}
