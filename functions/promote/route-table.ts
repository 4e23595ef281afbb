import { type DynamoDBDocumentClient, GetCommand } from '@aws-sdk/lib-dynamodb';
import { Route } from '../contracts/route.ts';

/** Reads the route table: one item a model. It is changed with its versions, by RouteStore. */
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
}
