import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  PutCommand,
  paginateQuery,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import { COHORT_INDEX } from '../contracts/cohort-index.ts';
import type { Instant } from '../contracts/instant.ts';
import type { LinePart } from '../contracts/prediction-line.ts';
import type { KeptRegister } from './join.ts';
import {
  chunkKey,
  type Item,
  type JoinState,
  type KeptScore,
  MATURED,
  type RegisterWrite,
  readState,
  registerItem,
} from './join-items.ts';
import { cohortKey, hourOf, shardOf } from './join-keys.ts';
import type { RecordedPrediction } from './recorded-prediction.ts';
import { splitRows } from './row-chunks.ts';

/** A prediction or a score as the index by hour shows it: no rows, no secrets. */
export interface CohortEntry {
  readonly predictionId: string;
  /** `prediction#0000` or `score#0`. */
  readonly sk: string;
  readonly model: string;
  readonly version: string;
  readonly arm: string;
  readonly at: Instant;
  readonly promotion?: string;
  /** Of predictions only. */
  readonly unit?: string;
  readonly rowCount?: number;
  /** Rows whose outcome nobody can count on; absent where decisions hide none. */
  readonly hiddenRows?: number;
  /** JSON of `Components`; of scores only. */
  readonly components?: string;
  /** JSON; absent where silence was given a meaning. */
  readonly outcome?: string;
  /** Chance that the outcome of a scored row was seen; absent where it was certain. */
  readonly propensity?: number;
}

/** The only code that touches the join table: under each prediction's id what is known of it and its truth. */
export class JoinTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Strongly consistent: of two writers, the one that reads second sees both. */
  async read(predictionId: string): Promise<JoinState> {
    const pages = paginateQuery(
      { client: this.#client },
      {
        TableName: this.#table,
        KeyConditionExpression: 'predictionId = :id',
        ExpressionAttributeValues: { ':id': predictionId },
        ConsistentRead: true,
      },
    );
    const items: Item[] = [];
    for await (const { Items = [] } of pages) items.push(...Items);
    return readState(items);
  }

  /**
   * The first piece is written last, so a prediction that can be seen is whole.
   * @returns false when it was there already.
   */
  async putPrediction(prediction: RecordedPrediction, expiresAtEpochSeconds: number) {
    const { columns: _columns, items: _items, values: _values, propensities, ...head } = prediction;
    const hiddenRows = propensities?.filter((chance) => chance === 0).length;
    const [first, ...others] = splitRows(prediction);
    const { predictionId, model, at } = prediction;
    for (const [index, body] of others.entries())
      await this.#put({ predictionId, sk: chunkKey(index + 1), body, expiresAtEpochSeconds });
    const item = {
      ...head,
      sk: chunkKey(0),
      chunks: others.length + 1,
      body: first,
      ...(hiddenRows !== undefined && { hiddenRows }),
      cohort: cohortKey(model, hourOf(at), shardOf(predictionId)),
      expiresAtEpochSeconds,
    };
    return this.#putNew(item);
  }

  /**
   * The later report holds, whichever is written first.
   * @param isWaiting whether the prediction is not known yet. Then nobody can tell which reports are refused,
   * so each value has its own register: a refused one must not push out one that holds.
   */
  async putRegister(
    predictionId: string,
    register: KeptRegister,
    isWaiting: boolean,
    expiresAtEpochSeconds: number,
  ): Promise<RegisterWrite> {
    const item = registerItem(predictionId, register, isWaiting, expiresAtEpochSeconds);
    try {
      const { Attributes: before } = await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: item,
          ConditionExpression:
            'attribute_not_exists(sk) OR observedAt < :at OR (observedAt = :at AND outcomeJson < :outcome)',
          ExpressionAttributeValues: { ':at': item.observedAt, ':outcome': item.outcomeJson },
          ReturnValues: 'ALL_OLD',
        }),
      );
      return before ? 'replaced' : 'created';
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return 'outranked';
      throw error;
    }
  }

  /** Marks a register that waited in vain. @returns false when it was marked, or said again, before. */
  async refuseRegister(
    predictionId: string,
    register: KeptRegister,
    expiresAtEpochSeconds: number,
  ): Promise<boolean> {
    const item = registerItem(predictionId, register, true, expiresAtEpochSeconds);
    return this.#putIf(
      { ...item, isRefused: true },
      'observedAt = :at AND attribute_not_exists(isRefused)',
      { ':at': item.observedAt },
    );
  }

  /** @param seen revision that the score was judged over; 0 for none. @returns false when another came between. */
  async putScore(
    prediction: RecordedPrediction,
    score: KeptScore,
    seen: number,
    expiresAtEpochSeconds: number,
  ): Promise<boolean> {
    const { predictionId, model, version, arm, at, promotion } = prediction;
    const { row, components, ...rest } = score;
    const item = {
      predictionId,
      sk: `score#${row}`,
      ...rest,
      components: JSON.stringify(components),
      model,
      version,
      arm,
      at,
      promotion,
      cohort: cohortKey(model, hourOf(at), shardOf(predictionId)),
      expiresAtEpochSeconds,
    };
    if (seen === 0) return this.#putNew(item);
    return this.#putIf(item, 'revision = :seen', { ':seen': seen });
  }

  async putPart(part: LinePart, expiresAtEpochSeconds: number): Promise<void> {
    const sk = `part#${String(part.part).padStart(4, '0')}`;
    await this.#put({ predictionId: part.id, sk, ...part, expiresAtEpochSeconds });
  }

  async putMatured(predictionId: string, expiresAtEpochSeconds: number): Promise<void> {
    await this.#put({ predictionId, sk: MATURED, expiresAtEpochSeconds });
  }

  /** One page of what was predicted in an hour and what of it is scored; for jobs that judge cohorts. */
  async cohort(
    model: string,
    hour: string,
    shard: number,
    startKey?: Item,
  ): Promise<{ entries: readonly CohortEntry[]; nextKey?: Item }> {
    const { Items = [], LastEvaluatedKey } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        IndexName: COHORT_INDEX.name,
        KeyConditionExpression: 'cohort = :cohort',
        ExpressionAttributeValues: { ':cohort': cohortKey(model, hour, shard) },
        ...(startKey && { ExclusiveStartKey: startKey }),
      }),
    );
    return {
      entries: Items as CohortEntry[],
      ...(LastEvaluatedKey && { nextKey: LastEvaluatedKey }),
    };
  }

  async #put(item: Item): Promise<void> {
    await this.#client.send(new PutCommand({ TableName: this.#table, Item: item }));
  }

  #putNew(item: Item): Promise<boolean> {
    return this.#putIf(item, 'attribute_not_exists(sk)');
  }

  async #putIf(item: Item, condition: string, values?: Item): Promise<boolean> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: item,
          ConditionExpression: condition,
          ...(values && { ExpressionAttributeValues: values }),
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }
}
