import {
  type DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  QueryCommand,
} from '@aws-sdk/lib-dynamodb';
import type { DatasetDigest } from '../contracts/dataset.ts';
import { Baseline, DatasetEvaluation } from '../contracts/dataset-evaluation.ts';
import type { Digest } from '../contracts/version.ts';

/** Sorts as the numbers do. */
const baselineKey = (epoch: number): string => `baseline#${String(epoch).padStart(10, '0')}`;
const resultKey = (dataset: DatasetDigest, digest: Digest, slices: readonly string[]): string =>
  `result#${dataset}#${digest}#${slices.toSorted().join(',')}`;

/** Results on datasets, and the champion's on each set that everyone was judged on. */
export class EvaluationTable {
  readonly #client: DynamoDBDocumentClient;
  readonly #table: string;

  constructor(client: DynamoDBDocumentClient, table: string) {
    this.#client = client;
    this.#table = table;
  }

  async find(
    model: string,
    dataset: DatasetDigest,
    digest: Digest,
    slices: readonly string[],
  ): Promise<DatasetEvaluation | undefined> {
    const item = await this.#get(model, resultKey(dataset, digest, slices));
    return item && DatasetEvaluation.parse(item);
  }

  /** The same version on the same dataset gives the same result, so a second write changes nothing. */
  async put(evaluation: DatasetEvaluation, slices: readonly string[]): Promise<void> {
    const { model, dataset, digest } = evaluation;
    await this.#put({ ...evaluation, model, sk: resultKey(dataset, digest, slices) });
  }

  async putBaseline(baseline: Baseline): Promise<void> {
    await this.#put({ ...baseline, sk: baselineKey(baseline.epoch) });
  }

  async findBaseline(model: string, epoch: number): Promise<Baseline | undefined> {
    const item = await this.#get(model, baselineKey(epoch));
    return item && Baseline.parse(item);
  }

  /** Newest first; each on its own dataset, so none says that another is better. */
  async baselines(model: string, limit: number): Promise<Baseline[]> {
    const { Items = [] } = await this.#client.send(
      new QueryCommand({
        TableName: this.#table,
        KeyConditionExpression: 'model = :model AND begins_with(sk, :baseline)',
        ExpressionAttributeValues: { ':model': model, ':baseline': 'baseline#' },
        ScanIndexForward: false,
        Limit: limit,
      }),
    );
    return Items.map((item) => Baseline.parse(item));
  }

  async #get(model: string, sk: string) {
    const { Item } = await this.#client.send(
      new GetCommand({ TableName: this.#table, Key: { model, sk }, ConsistentRead: true }),
    );
    return Item;
  }

  async #put(Item: Record<string, unknown>): Promise<void> {
    await this.#client.send(new PutCommand({ TableName: this.#table, Item }));
  }
}
