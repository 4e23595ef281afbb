import { TransactionCanceledException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { LIMITS } from '../contracts/limits.ts';
import { type Digest, Version, VersionNumber } from '../contracts/version.ts';

/** Sorts as numbers do. */
export const versionKey = (version: string): string => `version#${version.padStart(10, '0')}`;
const digestKey = (digest: Digest): string => `digest#${digest}`;
const COUNTER = 'counter';

/** The only code that touches the version table: versions, one marker a digest, one counter a model. */
export class VersionTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async find(model: string, version: string, signal?: AbortSignal): Promise<Version | undefined> {
    const item = await this.#get(model, versionKey(version), signal);
    return item && readVersion(item);
  }

  async findByDigest(model: string, digest: Digest): Promise<Version | undefined> {
    const marker = await this.#get(model, digestKey(digest));
    return marker && this.find(model, String(marker['version']));
  }

  /** Newest first. @param before the oldest version of the page before. */
  async list(model: string, before?: string): Promise<{ versions: Version[]; next?: string }> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :versions)',
        ExpressionAttributeValues: { ':model': model, ':versions': 'version#' },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: LIMITS.pageSize,
        ...(before && { ExclusiveStartKey: { model, sk: versionKey(before) } }),
      }),
    );
    const versions = Items.map(readVersion);
    const last = versions.at(-1);
    return { versions, ...(LastEvaluatedKey && last && { next: last.version }) };
  }

  /**
   * Gives the next number to a new version, or returns the version that has this digest already:
   * the same artifact registered twice is one version.
   */
  async register(draft: Omit<Version, 'version'>): Promise<Version> {
    for (let attempt = 0; attempt < LIMITS.registrationAttempts; attempt += 1) {
      const known = await this.findByDigest(draft.model, draft.digest);
      if (known) return known;
      const counter = await this.#get(draft.model, COUNTER);
      const last = Number(counter?.['last'] ?? 0);
      const version = { ...draft, version: VersionNumber.parse(String(last + 1)) };
      if (await this.#insert(version, last)) return version;
    }
    throw new Error(
      `${LIMITS.registrationAttempts} registrations of ${draft.model} were overtaken by others`,
    );
  }

  async #get(model: string, sk: string, signal?: AbortSignal) {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
      { ...(signal && { abortSignal: signal }) },
    );
    return Item;
  }

  /** False when the counter or the digest was taken in between. */
  async #insert(version: Version, last: number): Promise<boolean> {
    const { model, digest } = version;
    const isNew = 'attribute_not_exists(sk)';
    const Table = { TableName: this.#table };
    try {
      await this.#client.send(
        new TransactWriteCommand({
          TransactItems: [
            {
              Update: {
                ...Table,
                Key: { model, sk: COUNTER },
                UpdateExpression: 'SET #last = :next',
                ConditionExpression: last === 0 ? isNew : '#last = :last',
                ExpressionAttributeNames: { '#last': 'last' },
                ExpressionAttributeValues: {
                  ':next': last + 1,
                  ...(last > 0 && { ':last': last }),
                },
              },
            },
            {
              Put: {
                ...Table,
                Item: { ...version, sk: versionKey(version.version) },
                ConditionExpression: isNew,
              },
            },
            {
              Put: {
                ...Table,
                Item: { model, sk: digestKey(digest), version: version.version },
                ConditionExpression: isNew,
              },
            },
          ],
        }),
      );
      return true;
    } catch (error) {
      const reasons =
        error instanceof TransactionCanceledException ? error.CancellationReasons : undefined;
      if (
        reasons?.some(
          ({ Code }) => Code === 'ConditionalCheckFailed' || Code === 'TransactionConflict',
        )
      )
        return false;
      throw error;
    }
  }
}

function readVersion({ sk: _sk, ...item }: Record<string, unknown>): Version {
  return Version.parse(item);
}
