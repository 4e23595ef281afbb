import { ConditionalCheckFailedException } from '@aws-sdk/client-dynamodb';
import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { HourClosed } from '../contracts/evaluation-events.ts';
import type { Instant } from '../contracts/instant.ts';
import type { ScoreHistogram } from '../measures/score-histogram.ts';
import type { ArmOfHour } from './matured-hour.ts';

const closedKey = (hour: string): string => `hour#${hour}`;
const CLOSED_UP_TO = 'closed-up-to';
const askedKey = (hour: string): string => `asked#${hour}`;

export interface ClosedHour {
  readonly fact: HourClosed;
  readonly arms: Readonly<Record<string, ArmOfHour>>;
}

/** Hours in the table of evaluations: closed ones, and those whose rows were asked to be scored. */
export class ClosedHourTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  /** Hours from the first to the last, with whether all that follow them were told. */
  async closed(model: string, first: string, last: string): Promise<Map<string, boolean>> {
    const items = await this.#between(model, first, last, 'sk, isTold');
    return new Map(items.map(({ sk, isTold }) => [hourOf(String(sk)), isTold === true]));
  }

  /** Histograms of all arms. */
  async histograms(model: string, first: string, last: string): Promise<ScoreHistogram[]> {
    const items = await this.#between(model, first, last, 'sk, arms');
    return items.flatMap(({ arms }) =>
      Object.values(readArms(String(arms))).map(({ histogram }) => histogram),
    );
  }

  async find(model: string, hour: string): Promise<ClosedHour | undefined> {
    const item = await this.#get(model, closedKey(hour));
    return item && { fact: HourClosed.parse(item['fact']), arms: readArms(String(item['arms'])) };
  }

  /** @returns false when another run closed it: then this one's numbers count for nothing. */
  async close({ fact, arms }: ClosedHour): Promise<boolean> {
    const Item = {
      model: fact.model,
      sk: closedKey(fact.hour),
      fact,
      // As text: a map of hundreds of bins would be four times as large.
      arms: JSON.stringify(arms),
      // Nobody needs to hear of an hour in which nothing happened.
      isTold: fact.predictions === 0,
    };
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item,
          ConditionExpression: 'attribute_not_exists(sk)',
        }),
      );
      return true;
    } catch (error) {
      if (error instanceof ConditionalCheckFailedException) return false;
      throw error;
    }
  }

  async setTold(model: string, hour: string): Promise<void> {
    await this.#client.send(
      new UpdateCommand({
        TableName: this.#table,
        Key: { model, sk: closedKey(hour) },
        UpdateExpression: 'SET isTold = :told',
        ExpressionAttributeValues: { ':told': true },
      }),
    );
  }

  /** The last hour up to which all are closed and told of. */
  async closedUpTo(model: string): Promise<string | undefined> {
    return (await this.#get(model, CLOSED_UP_TO))?.['hour'];
  }

  /** Runs that overlap: who got further holds. */
  async setClosedUpTo(model: string, hour: string): Promise<void> {
    try {
      await this.#client.send(
        new PutCommand({
          TableName: this.#table,
          Item: { model, sk: CLOSED_UP_TO, hour },
          ConditionExpression: 'attribute_not_exists(sk) OR #hour < :hour',
          ExpressionAttributeNames: { '#hour': 'hour' },
          ExpressionAttributeValues: { ':hour': hour },
        }),
      );
    } catch (error) {
      if (!(error instanceof ConditionalCheckFailedException)) throw error;
    }
  }

  /** When the rows of the hour were asked to be scored. */
  async askedAt(model: string, hour: string): Promise<Instant | undefined> {
    return (await this.#get(model, askedKey(hour)))?.['askedAt'];
  }

  async putAsked(model: string, hour: string, askedAt: Instant): Promise<void> {
    const Item = { model, sk: askedKey(hour), askedAt };
    await this.#client.send(new PutCommand({ TableName: this.#table, Item }));
  }

  async #between(model: string, first: string, last: string, attributes: string) {
    const pages = paginateQuery(
      { client: this.#client },
      {
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND sk BETWEEN :first AND :last',
        ExpressionAttributeValues: {
          ':model': model,
          ':first': closedKey(first),
          ':last': closedKey(last),
        },
        ProjectionExpression: attributes,
        ConsistentRead: true,
      },
    );
    const items: Record<string, unknown>[] = [];
    for await (const { Items = [] } of pages) items.push(...Items);
    return items;
  }

  async #get(model: string, sk: string) {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
    );
    return Item;
  }
}

const hourOf = (sk: string): string => sk.slice('hour#'.length);
const readArms = (text: string): Readonly<Record<string, ArmOfHour>> => JSON.parse(text);
