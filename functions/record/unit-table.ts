import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  PutCommand,
  paginateQuery,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import type { Instant } from '../contracts/instant.ts';
import type { Components } from '../contracts/quality-metric.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import { hourOf, shardOf, slotKey } from './join-keys.ts';

type AssignedArm = 'champion' | 'challenger';

/** A unit's first request in a promotion. */
export interface Exposure {
  readonly promotion: string;
  readonly unit: string;
  /** Of the first request. */
  readonly arm: AssignedArm;
  readonly firstExposedAt: Instant;
  /** The champion's prediction on the first request; absent where the champion did not answer it. */
  readonly covariate?: number;
  /** Every arm the unit was seen in: more than one is a fault of assignment, and the unit counts in none. */
  readonly arms: readonly AssignedArm[];
}

export type NewExposure = Omit<Exposure, 'arms'>;

/** What one row of one request adds to its unit. */
export interface Contribution {
  readonly promotion: string;
  readonly unit: string;
  readonly predictionId: string;
  readonly row: number;
  readonly arm: AssignedArm;
  readonly at: Instant;
  /** 1 in the first row of a request, 0 in the others; the same of the next three. */
  readonly requests: number;
  readonly latencyMs: number;
  readonly failed: number;
  readonly fellBack: number;
  /** 0 until the row is scored; grows with each restatement, and the largest holds. */
  readonly revision: number;
  /** Absent until the row is scored, and while silence may yet be broken. */
  readonly components?: Components;
  /** Chance that the scored row's outcome was seen; absent where it was certain. */
  readonly propensity?: number;
}

export interface Compared {
  readonly promotion: string;
  readonly predictionId: string;
  readonly requestedAt: Instant;
  readonly comparison: ShadowComparison;
}

export interface Covariate {
  readonly promotion: string;
  readonly unit: string;
  /** Of the request that the covariate belongs to. */
  readonly requestedAt: Instant;
  readonly covariate: number;
}

type Item = Readonly<Record<string, unknown>>;

const exposureKey = (promotion: string, shard: number): string => `${promotion}#exposures#${shard}`;
const shadowKey = (promotion: string, hour: string, shard: number): string =>
  `${promotion}#shadow#${hour}#${shard}`;
const hourKey = (promotion: string, hour: string, shard: number): string =>
  `${promotion}#${hour}#${shard}`;

/** The only code that touches the unit table: exposures and contributions of promotions. */
export class UnitTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** The earliest request wins, whichever is written first. */
  async expose(exposure: NewExposure, expiresAtEpochSeconds: number): Promise<void> {
    const { promotion, unit, arm, firstExposedAt, covariate } = exposure;
    const Key = { pk: exposureKey(promotion, shardOf(unit)), sk: slotKey(unit) };
    const arms = { ':arms': new Set([arm]) };
    const expires = { ':expires': expiresAtEpochSeconds };
    try {
      await this.#update({
        Key,
        // An earlier request without a covariate must not keep that of a later one.
        UpdateExpression: `SET firstExposedAt = :at, arm = :arm, promotion = :promotion, #unit = :unit, expiresAtEpochSeconds = :expires${covariate === undefined ? '' : ', covariate = :covariate'} ADD arms :arms${covariate === undefined ? ' REMOVE covariate' : ''}`,
        ConditionExpression: 'attribute_not_exists(firstExposedAt) OR firstExposedAt > :at',
        // A reserved word of DynamoDB.
        ExpressionAttributeNames: { '#unit': 'unit' },
        ExpressionAttributeValues: {
          ':at': firstExposedAt,
          ':arm': arm,
          ':promotion': promotion,
          ':unit': unit,
          ...(covariate !== undefined && { ':covariate': covariate }),
          ...arms,
          ...expires,
        },
      });
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
      await this.#update({
        Key,
        UpdateExpression: 'SET expiresAtEpochSeconds = :expires ADD arms :arms',
        ExpressionAttributeValues: { ...arms, ...expires },
      });
    }
  }

  /** The larger revision holds, whichever is written first. */
  async contribute(contribution: Contribution, expiresAtEpochSeconds: number): Promise<void> {
    const { promotion, unit, predictionId, row, at, revision } = contribution;
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: {
            ...contribution,
            pk: hourKey(promotion, hourOf(at), shardOf(unit)),
            sk: `${slotKey(unit)}#${predictionId}#${row}`,
            expiresAtEpochSeconds,
          },
          ConditionExpression: 'attribute_not_exists(sk) OR revision < :revision',
          ExpressionAttributeValues: { ':revision': revision },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** How a shadow answered one recorded request; the same again when it was delivered twice. */
  async compare(
    { promotion, predictionId, requestedAt, comparison }: Compared,
    expiresAtEpochSeconds: number,
  ): Promise<void> {
    const pk = shadowKey(promotion, hourOf(requestedAt), shardOf(predictionId));
    const Item = { pk, sk: predictionId, comparison, expiresAtEpochSeconds };
    await this.#client.send(new PutCommand({ TableName: this.#table, Item }));
  }

  /** The covariate of a unit whose first request the challenger answered. */
  async setCovariate(
    { promotion, unit, requestedAt, covariate }: Covariate,
    expiresAtEpochSeconds: number,
  ): Promise<void> {
    try {
      await this.#update({
        Key: { pk: exposureKey(promotion, shardOf(unit)), sk: slotKey(unit) },
        UpdateExpression: 'SET covariate = :covariate, expiresAtEpochSeconds = :expires',
        ConditionExpression: 'firstExposedAt = :at AND attribute_not_exists(covariate)',
        ExpressionAttributeValues: {
          ':at': requestedAt,
          ':covariate': covariate,
          ':expires': expiresAtEpochSeconds,
        },
      });
    } catch (error) {
      // A later request of the unit, or the same line again.
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** Comparisons of requests of one hour that one shard holds. */
  async *comparisons(
    promotion: string,
    hour: string,
    shard: number,
  ): AsyncGenerator<ShadowComparison> {
    for await (const { comparison } of this.#query(shadowKey(promotion, hour, shard)))
      yield comparison as ShadowComparison;
  }

  /** All units of a promotion that one shard holds. */
  async *exposures(promotion: string, shard: number): AsyncGenerator<Exposure> {
    for await (const item of this.#query(exposureKey(promotion, shard))) {
      const { pk: _pk, sk: _sk, expiresAtEpochSeconds: _expires, ...exposure } = item;
      const arms = [...(exposure['arms'] as ReadonlySet<AssignedArm>)].toSorted();
      yield { ...exposure, arms } as unknown as Exposure;
    }
  }

  /** All contributions of a promotion's requests in one hour that one shard holds. */
  async *contributions(
    promotion: string,
    hour: string,
    shard: number,
  ): AsyncGenerator<Contribution> {
    for await (const item of this.#query(hourKey(promotion, hour, shard))) {
      const { pk: _pk, sk: _sk, expiresAtEpochSeconds: _expires, ...contribution } = item;
      yield contribution as unknown as Contribution;
    }
  }

  async *#query(pk: string): AsyncGenerator<Item> {
    const pages = paginateQuery(
      { client: this.#client },
      {
        TableName: this.#table,
        KeyConditionExpression: 'pk = :pk',
        ExpressionAttributeValues: { ':pk': pk },
        ConsistentRead: true,
      },
    );
    for await (const { Items = [] } of pages) yield* Items;
  }

  async #update(
    update: Omit<ConstructorParameters<typeof UpdateCommand>[0], 'TableName'>,
  ): Promise<void> {
    await this.#client.send(new UpdateCommand({ TableName: this.#table, ...update }));
  }
}
