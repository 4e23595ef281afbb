import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import { type DynamoDBDocumentClient, GetCommand, PutCommand } from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { DriftFound } from '../contracts/evaluation-events.ts';
import { DriftFinding } from './drift-finding.ts';

/** What is known of a model's drift. */
const KeptDrift = z.object({
  /** Grows with each write. */
  revision: z.int(),
  finding: z.optional(DriftFinding),
  /** That nobody was told of yet. */
  untold: z.optional(DriftFound),
});
export type KeptDrift = z.infer<typeof KeptDrift>;

const SORT_KEY = 'drift';
const NEVER_LOOKED: KeptDrift = { revision: 0 };

/** The drift of each model in the table of evaluations: one item, which each run writes over what it read. */
export class DriftTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async read(model: string): Promise<KeptDrift> {
    const Key = { model, sk: SORT_KEY };
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key, ConsistentRead: true }),
    );
    return Item ? KeptDrift.parse(Item) : NEVER_LOOKED;
  }

  /** @returns what is kept now; undefined when another run came between. */
  async write(
    model: string,
    before: KeptDrift,
    next: Omit<KeptDrift, 'revision'>,
  ): Promise<KeptDrift | undefined> {
    const kept = { ...next, revision: before.revision + 1 };
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: { ...kept, model, sk: SORT_KEY },
          ConditionExpression: 'attribute_not_exists(sk) OR revision = :seen',
          ExpressionAttributeValues: { ':seen': before.revision },
        }),
      );
      return kept;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return undefined;
      throw error;
    }
  }
}
