import {
  type DynamoDBDocumentClient,
  GetCommand,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { Pointer, type PointerName } from '../contracts/dataset.ts';
import { DATASET_EVENTS, type PointerMoved } from '../contracts/dataset-events.ts';
import { LIMITS } from '../contracts/limits.ts';
import { Outbox } from '../runtime/outbox.ts';
import { isLostRace } from '../runtime/transaction.ts';
import { versionKey } from './dataset-table.ts';

const pointerKey = (name: PointerName): string => `pointer#${name}`;
const movesPrefix = (name: PointerName): string => `move#${name}#`;
/** Sorts by time; the epoch tells moves apart for people. */
const moveKey = ({ pointer, movedAt, epoch }: Pointer): string =>
  `${movesPrefix(pointer)}${movedAt}#${String(epoch).padStart(10, '0')}`;

/** Pointers and every move of them, in the dataset table. */
export class PointerTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;
  readonly #outbox: Outbox;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
    this.#outbox = new Outbox(client, table);
  }

  async read(model: string, name: PointerName): Promise<Pointer | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({
        TableName: this.#table,
        Key: { model, sk: pointerKey(name) },
        ConsistentRead: true,
      }),
    );
    return Item && Pointer.parse(Item);
  }

  /** Where the pointer stood at an instant; undefined before its first move. */
  async readAt(model: string, name: PointerName, instant: string): Promise<Pointer | undefined> {
    const { moves } = await this.#query(model, name, `${movesPrefix(name)}${instant}~`, 1);
    return moves[0];
  }

  /** Newest first. @param cursor as the page before gave it. */
  async moves(model: string, name: PointerName, cursor = '~') {
    return this.#query(model, name, movesPrefix(name) + cursor, LIMITS.pageSize);
  }

  async #query(model: string, name: PointerName, until: string, limit: number) {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND sk BETWEEN :from AND :until',
        ExpressionAttributeValues: {
          ':model': model,
          ':from': movesPrefix(name),
          ':until': until,
        },
        ScanIndexForward: false,
        ConsistentRead: true,
        Limit: limit,
      }),
    );
    const moves = Items.map((item) => Pointer.parse(item));
    // BETWEEN includes its end, so the next page begins just below the last move of this one.
    const last = String(LastEvaluatedKey?.['sk'] ?? '').slice(movesPrefix(name).length);
    return { moves, ...(last && { next: `${last.slice(0, -1)}${below(last.slice(-1))}` }) };
  }

  /**
   * Writes a move, and that it is to be told, when the stored epoch is the one before it, the set it names
   * exists, and the other pointer stands where it was when the two were compared.
   * @returns false when any of these does not hold.
   */
  async move(
    moved: Pointer,
    event: PointerMoved,
    other: { name: PointerName; epoch: number },
  ): Promise<boolean> {
    const { model, pointer, epoch, digest } = moved;
    const TableName = this.#table;
    const isAt = (seen: number) =>
      seen === 0
        ? { ConditionExpression: 'attribute_not_exists(epoch)' }
        : { ConditionExpression: 'epoch = :seen', ExpressionAttributeValues: { ':seen': seen } };
    try {
      await this.#client.send(
        new TransactWriteCommand({
          TransactItems: [
            {
              Put: { TableName, Item: { ...moved, sk: pointerKey(pointer) }, ...isAt(epoch - 1) },
            },
            { Put: { TableName, Item: { ...moved, sk: moveKey(moved) } } },
            ...this.#outbox.entries([{ type: DATASET_EVENTS.pointerMoved, detail: event }]),
            {
              ConditionCheck: {
                TableName,
                Key: { model, sk: pointerKey(other.name) },
                ...isAt(other.epoch),
              },
            },
            {
              ConditionCheck: {
                TableName,
                Key: { model, sk: versionKey(digest) },
                ConditionExpression: 'attribute_exists(sk)',
              },
            },
          ],
        }),
      );
      return true;
    } catch (error) {
      if (isLostRace(error)) return false;
      throw error;
    }
  }
}

/** The digit before one; a key ends in a digit of an epoch, and epochs begin at 1. */
const below = (digit: string): string => String.fromCharCode(digit.charCodeAt(0) - 1);
