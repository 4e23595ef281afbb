import { type DynamoDBDocumentClient, GetCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { LIMITS } from '../contracts/limits.ts';
import type { TransactItem } from '../runtime/transaction.ts';

type Item = Readonly<Record<string, unknown>>;
const COUNTER = 'counter';

/** What the tables of versions and of promotions have in common: items of a model, numbered by a counter. */
export class NumberedItems {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async get(model: string, sk: string, signal?: AbortSignal): Promise<Item | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
      { ...(signal && { abortSignal: signal }) },
    );
    return Item;
  }

  /** A page, newest first. @param before the key of the oldest item of the page before. */
  async newest(
    model: string,
    prefix: string,
    before?: string,
  ): Promise<{ items: Item[]; isLast: boolean }> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':model': model, ':prefix': prefix },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: LIMITS.pageSize,
        ...(before && { ExclusiveStartKey: { model, sk: before } }),
      }),
    );
    return { items: Items, isLast: LastEvaluatedKey === undefined };
  }

  /** The number given last; 0 before the first. */
  async lastNumber(model: string): Promise<number> {
    const counter = await this.get(model, COUNTER);
    return Number(counter?.['last'] ?? 0);
  }

  /** Takes the number after the last, unless somebody else has. */
  takeNumber(model: string, last: number): TransactItem {
    return {
      Update: {
        TableName: this.#table,
        Key: { model, sk: COUNTER },
        UpdateExpression: 'SET #last = :next',
        ConditionExpression: last === 0 ? 'attribute_not_exists(sk)' : '#last = :last',
        ExpressionAttributeNames: { '#last': 'last' },
        ExpressionAttributeValues: { ':next': last + 1, ...(last > 0 && { ':last': last }) },
      },
    };
  }

  /** Writes what is not there yet. */
  putNew(item: Item & { readonly model: string; readonly sk: string }): TransactItem {
    return {
      Put: {
        TableName: this.#table,
        Item: item,
        ConditionExpression: 'attribute_not_exists(sk)',
      },
    };
  }
}
