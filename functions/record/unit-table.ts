import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  PutCommand,
  paginateQuery,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import * as z from 'zod/mini';
import { Instant } from '../contracts/instant.ts';
import type { Components } from '../contracts/quality-metric.ts';
import { ShadowComparison } from '../contracts/shadow-comparison.ts';
import { hourOf, shardOf, slotKey } from './join-keys.ts';

const AssignedArm = z.enum(['champion', 'challenger']);
type AssignedArm = z.infer<typeof AssignedArm>;

/** A unit's first request in a promotion. */
const NewExposure = z.object({
  promotion: z.string(),
  unit: z.string(),
  /** Of the first request. */
  arm: AssignedArm,
  firstExposedAt: Instant,
  /** Of the first request; of several at one instant the smallest id is the first. */
  predictionId: z.string(),
});
export type NewExposure = Readonly<z.infer<typeof NewExposure>>;

export interface Exposure extends NewExposure {
  /** Every arm the unit was seen in: more than one is a fault of assignment, and the unit counts in none. */
  readonly arms: readonly AssignedArm[];
  /** The champion's prediction on the first request, in either arm; absent where the shadow could not run it. */
  readonly covariate?: number;
}

/** An exposure as it is kept, beside what the shadow said of the earliest request it was asked about. */
const KeptExposure = z.extend(NewExposure, {
  arms: z.set(AssignedArm),
  shadowedAt: z.exactOptional(Instant),
  shadowedId: z.exactOptional(z.string()),
  shadowCovariate: z.exactOptional(z.number()),
});

/** What one row of one request adds to its unit. */
const Contribution = z.object({
  promotion: z.string(),
  unit: z.string(),
  predictionId: z.string(),
  row: z.int(),
  arm: AssignedArm,
  at: Instant,
  /** 1 in the first row of a request, 0 in the others; the same of the next three. */
  requests: z.int(),
  latencyMs: z.number(),
  failed: z.int(),
  fellBack: z.int(),
  /** 0 until the row is scored; grows with each restatement, and the largest holds. */
  revision: z.int(),
  /** Quality components; absent until the row is scored, and while silence may yet be broken. */
  components: z.exactOptional(z.record(z.string(), z.number())),
  /** Chance that the scored row's outcome was seen; absent where it was certain. */
  propensity: z.exactOptional(z.number()),
});
export type Contribution = Readonly<
  Omit<z.infer<typeof Contribution>, 'components'> & { components?: Components }
>;

export interface Compared {
  readonly promotion: string;
  readonly predictionId: string;
  readonly requestedAt: Instant;
  readonly comparison: ShadowComparison;
}

export interface Covariate {
  readonly promotion: string;
  readonly unit: string;
  /** Of the request that the covariate belongs to; so is the instant. */
  readonly predictionId: string;
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
    const { promotion, unit, arm, firstExposedAt, predictionId } = exposure;
    const Key = { pk: exposureKey(promotion, shardOf(unit)), sk: slotKey(unit) };
    const arms = { ':arms': new Set([arm]) };
    const expires = { ':expires': expiresAtEpochSeconds };
    try {
      await this.#update({
        Key,
        UpdateExpression:
          'SET firstExposedAt = :at, predictionId = :id, arm = :arm, promotion = :promotion, #unit = :unit, expiresAtEpochSeconds = :expires ADD arms :arms',
        ConditionExpression:
          'attribute_not_exists(firstExposedAt) OR firstExposedAt > :at OR (firstExposedAt = :at AND predictionId > :id)',
        // A reserved word of DynamoDB.
        ExpressionAttributeNames: { '#unit': 'unit' },
        ExpressionAttributeValues: {
          ':at': firstExposedAt,
          ':id': predictionId,
          ':arm': arm,
          ':promotion': promotion,
          ':unit': unit,
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

  /**
   * What the champion says of a request of an enrolled unit. It is the covariate of a unit whose first request
   * that was, whichever of the two is recorded first: the earliest is kept.
   */
  async setCovariate(
    { promotion, unit, predictionId, requestedAt, covariate }: Covariate,
    expiresAtEpochSeconds: number,
  ): Promise<void> {
    try {
      await this.#update({
        Key: { pk: exposureKey(promotion, shardOf(unit)), sk: slotKey(unit) },
        UpdateExpression:
          'SET shadowedAt = :at, shadowedId = :id, shadowCovariate = :covariate, expiresAtEpochSeconds = :expires',
        ConditionExpression:
          'attribute_not_exists(shadowedAt) OR shadowedAt > :at OR (shadowedAt = :at AND shadowedId > :id)',
        ExpressionAttributeValues: {
          ':at': requestedAt,
          ':id': predictionId,
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
  ): AsyncGenerator<Pick<Compared, 'predictionId' | 'comparison'>> {
    for await (const { sk, comparison } of this.#query(shadowKey(promotion, hour, shard)))
      yield { predictionId: String(sk), comparison: ShadowComparison.parse(comparison) };
  }

  /** All units of a promotion that one shard holds. */
  async *exposures(promotion: string, shard: number): AsyncGenerator<Exposure> {
    for await (const item of this.#query(exposureKey(promotion, shard))) {
      // A shadow's answer whose request is still on its way.
      if (item['firstExposedAt'] === undefined) continue;
      yield exposureOf(KeptExposure.parse(item));
    }
  }

  /** All contributions of a promotion's requests in one hour that one shard holds. */
  async *contributions(
    promotion: string,
    hour: string,
    shard: number,
  ): AsyncGenerator<Contribution> {
    for await (const item of this.#query(hourKey(promotion, hour, shard)))
      yield Contribution.parse(item);
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

function exposureOf({
  shadowedAt,
  shadowedId,
  shadowCovariate,
  arms,
  ...exposure
}: z.infer<typeof KeptExposure>): Exposure {
  const isOfFirst = shadowedAt === exposure.firstExposedAt && shadowedId === exposure.predictionId;
  return {
    ...exposure,
    arms: [...arms].toSorted(),
    ...(isOfFirst && shadowCovariate !== undefined && { covariate: shadowCovariate }),
  };
}
