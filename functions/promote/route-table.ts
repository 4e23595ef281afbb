import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import { Route } from '../contracts/route.ts';

export type RouteWrite =
  | { readonly kind: 'written' }
  /** Somebody was faster; `current` is absent when the route does not exist. */
  | { readonly kind: 'outdated'; readonly current: Route | undefined };

/** The only code that touches the route table: one item a model. */
export class RouteTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Strongly consistent: a rollback must be seen by the next read. */
  async read(model: string, signal?: AbortSignal): Promise<Route | undefined> {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model }, ConsistentRead: true }),
      { ...(signal && { abortSignal: signal }) },
    );
    return Item && Route.parse(Item);
  }

  /** Writes when the stored epoch is the one before `route.epoch` (epoch 1: when there is none). */
  async write(route: Route): Promise<RouteWrite> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: route,
          ConditionExpression:
            route.epoch === 1 ? 'attribute_not_exists(epoch)' : 'epoch = :before',
          ...(route.epoch > 1 && { ExpressionAttributeValues: { ':before': route.epoch - 1 } }),
        }),
      );
      return { kind: 'written' };
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      return { kind: 'outdated', current: await this.read(route.model) };
    }
  }
}
