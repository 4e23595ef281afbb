import { randomUUID } from 'node:crypto';
import { DeleteCommand, type DynamoDBDocumentClient, QueryCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { type BusEvent, EVENT_DETAIL } from '../contracts/event-bus.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { EventPublisher } from './event-publisher.ts';
import type { TransactItem } from './transaction.ts';

const UNTOLD = 'untold#';
const Detail = z.looseObject(EVENT_DETAIL);

/**
 * Facts that wait in a table until the bus was told, written in the transaction that makes them true. They
 * are told one by one, the oldest first, and forgotten only after that: each at least once and in order,
 * whoever dies in between and however long the bus is away. A stream of the table was rejected: it forgets
 * after a day what nobody could be told of.
 */
export class Outbox {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;
  /** Facts keep the order in which they were written, also where a later one is about an earlier moment. */
  #written = 0;
  #latest = '';

  /** @param table keyed by `model` and `sk`. */
  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** What to add to the transaction. */
  entries(events: readonly BusEvent[]): TransactItem[] {
    return events.map(({ type, detail }) => {
      this.#written += 1;
      this.#latest = detail.at > this.#latest ? detail.at : this.#latest;
      const order = String(this.#written).padStart(8, '0');
      const sk = `${UNTOLD}${this.#latest}#${order}#${randomUUID()}`;
      const Item = { model: detail.model, sk, type, detail: JSON.stringify(detail) };
      return { Put: { TableName: this.#table, Item } };
    });
  }

  /**
   * Tells what waits.
   * @throws when the bus does not take a fact; it and the later ones of its model wait on.
   */
  async tell(models: readonly string[], bus: Pick<EventPublisher, 'publish'>): Promise<void> {
    const told = await Promise.allSettled(models.map((model) => this.#tellOf(model, bus)));
    const failures = told.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    if (failures.length === 0) return;
    throw new AggregateError(failures, `facts of ${failures.length} models could not be told`);
  }

  async #tellOf(model: string, bus: Pick<EventPublisher, 'publish'>): Promise<void> {
    for (;;) {
      const { Items = [] } = await this.#client.send(
        new QueryCommand({
          TableName: this.#table,
          KeyConditionExpression: 'model = :model AND begins_with(sk, :untold)',
          ExpressionAttributeValues: { ':model': model, ':untold': UNTOLD },
          ConsistentRead: true,
          Limit: LIMITS.pageSize,
        }),
      );
      if (Items.length === 0) return;
      for (const { sk, type, detail } of Items) {
        const event = { type: String(type), detail: Detail.parse(JSON.parse(String(detail))) };
        await bus.publish([event]);
        await this.#client.send(new DeleteCommand({ TableName: this.#table, Key: { model, sk } }));
      }
    }
  }
}
