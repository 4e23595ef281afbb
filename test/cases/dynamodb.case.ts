import { ConditionalCheckFailedException, DynamoDBClient } from '@aws-sdk/client-dynamodb';
import {
  BatchGetCommand,
  BatchWriteCommand,
  DeleteCommand,
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  paginateQuery,
  QueryCommand,
  ScanCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { AwsTarget } from './target.ts';

export interface DynamoDbTarget extends AwsTarget {
  /** Keys `pk` and `sk` are strings; the index `by-owner` has `owner` (S) and `score` (N), sparse. */
  readonly tableName: string;
}

/** What Slipway relies on in DynamoDB, wherever it runs. */
export function dynamoDbCases(name: string, connect: () => Promise<DynamoDbTarget>): void {
  describe(`DynamoDB: ${name}`, () => {
    let TableName: string;
    let documents: DynamoDBDocumentClient;
    let partitions = 0;
    /** A partition that no other case writes to. */
    const freshPartition = () => `${Date.now()}-${(partitions += 1)}`;

    beforeAll(async () => {
      const { tableName, ...target } = await connect();
      TableName = tableName;
      documents = DynamoDBDocumentClient.from(new DynamoDBClient(target), {
        marshallOptions: { removeUndefinedValues: true },
      });
    });
    afterAll(() => documents.destroy());

    const put = (Item: Record<string, unknown>) =>
      documents.send(new PutCommand({ TableName, Item }));
    const get = async (pk: string, sk: string) =>
      (await documents.send(new GetCommand({ TableName, Key: { pk, sk }, ConsistentRead: true })))
        .Item;

    test('gives an item back as it was put', async () => {
      const pk = freshPartition();
      const item = {
        pk,
        sk: 'ключ/😀',
        text: '',
        number: -1.5e-10,
        large: 9007199254740991,
        bytes: new Uint8Array([0, 255]),
        nested: { list: [1, 'a', null, { b: false }], empty: {} },
        tags: new Set(['x', 'y']),
      };
      await put(item);
      expect(await get(pk, 'ключ/😀')).toEqual(item);
      expect(await get(pk, 'absent')).toBeUndefined();
    });

    test('updates in place and gives the attributes asked for', async () => {
      const pk = freshPartition();
      await put({ pk, sk: 'a', count: 1, list: ['x'], old: true });
      const { Attributes } = await documents.send(
        new UpdateCommand({
          TableName,
          Key: { pk, sk: 'a' },
          UpdateExpression:
            'SET #list = list_append(#list, :more), #first = if_not_exists(#first, :one) ADD #count :one REMOVE #old',
          ExpressionAttributeNames: {
            '#list': 'list',
            '#first': 'first',
            '#count': 'count',
            '#old': 'old',
          },
          ExpressionAttributeValues: { ':more': ['y'], ':one': 1 },
          ReturnValues: 'ALL_NEW',
        }),
      );
      expect(Attributes).toEqual({ pk, sk: 'a', count: 2, list: ['x', 'y'], first: 1 });
    });

    test('counts exactly when many add at once', async () => {
      const pk = freshPartition();
      const add = new UpdateCommand({
        TableName,
        Key: { pk, sk: 'a' },
        UpdateExpression: 'ADD n :one',
        ExpressionAttributeValues: { ':one': 1 },
      });
      await Promise.all(Array.from({ length: 50 }, () => documents.send(add)));
      expect(await get(pk, 'a')).toEqual({ pk, sk: 'a', n: 50 });
    });

    test('a condition lets one of many writers win and shows the others what is there', async () => {
      const pk = freshPartition();
      const claims = await Promise.allSettled(
        Array.from({ length: 10 }, (_, owner) =>
          documents.send(
            new PutCommand({
              TableName,
              Item: { pk, sk: 'lock', holder: owner },
              ConditionExpression: 'attribute_not_exists(pk)',
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            }),
          ),
        ),
      );
      const lost = claims
        .filter((claim) => claim.status === 'rejected')
        .map(({ reason }) => reason);
      const winner = await get(pk, 'lock');
      expect(lost).toHaveLength(9);
      for (const reason of lost) {
        expect(reason).toBeInstanceOf(ConditionalCheckFailedException);
        expect(reason.Item.holder).toEqual({ N: String(winner?.['holder']) });
      }
    });

    test('deletes once, giving back what was there', async () => {
      const pk = freshPartition();
      await put({ pk, sk: 'a', v: 1 });
      const remove = new DeleteCommand({
        TableName,
        Key: { pk, sk: 'a' },
        ReturnValues: 'ALL_OLD',
      });
      expect((await documents.send(remove)).Attributes).toEqual({ pk, sk: 'a', v: 1 });
      expect((await documents.send(remove)).Attributes).toBeUndefined();
    });

    test('queries a range in order, both ways, a page at a time', async () => {
      const pk = freshPartition();
      const keys = ['a#1', 'a#2', 'b#1', 'b#2', 'b#3', 'c#1'];
      await Promise.all(keys.toReversed().map((sk) => put({ pk, sk, number: sk.slice(-1) })));
      const query = {
        TableName,
        KeyConditionExpression: 'pk = :pk AND begins_with(sk, :prefix)',
        ExpressionAttributeValues: { ':pk': pk, ':prefix': 'b#' },
      };
      const last = await documents.send(
        new QueryCommand({ ...query, ScanIndexForward: false, Limit: 1 }),
      );
      expect(last.Items).toEqual([{ pk, sk: 'b#3', number: '3' }]);
      const pages: unknown[][] = [];
      for await (const { Items = [] } of paginateQuery({ client: documents, pageSize: 2 }, query)) {
        pages.push(Items.map(({ sk }) => sk));
      }
      expect(pages).toEqual([['b#1', 'b#2'], ['b#3']]);
      const between = await documents.send(
        new QueryCommand({
          TableName,
          KeyConditionExpression: 'pk = :pk AND sk BETWEEN :from AND :to',
          FilterExpression: 'NOT contains(#number, :not)',
          ProjectionExpression: 'sk',
          ExpressionAttributeNames: { '#number': 'number' },
          ExpressionAttributeValues: { ':pk': pk, ':from': 'a#2', ':to': 'b#2', ':not': '1' },
        }),
      );
      expect(between).toMatchObject({ Items: [{ sk: 'a#2' }, { sk: 'b#2' }], ScannedCount: 3 });
    });

    test('an index follows its items and leaves out those without its keys', async () => {
      const pk = freshPartition();
      const owner = `owner-${pk}`;
      await put({ pk, sk: 'a', owner, score: 10 });
      await put({ pk, sk: 'b', owner, score: -2.5 });
      await put({ pk, sk: 'c', owner });
      await put({ pk, sk: 'd', score: 1 });
      await documents.send(
        new UpdateCommand({
          TableName,
          Key: { pk, sk: 'a' },
          UpdateExpression: 'SET score = :score',
          ExpressionAttributeValues: { ':score': -3 },
        }),
      );
      await expect
        .poll(async () => {
          const { Items = [] } = await documents.send(
            new QueryCommand({
              TableName,
              IndexName: 'by-owner',
              KeyConditionExpression: '#owner = :owner',
              ExpressionAttributeNames: { '#owner': 'owner' },
              ExpressionAttributeValues: { ':owner': owner },
            }),
          );
          return Items.map(({ sk, score }) => [sk, score]);
        })
        .toEqual([
          ['a', -3],
          ['b', -2.5],
        ]);
    });

    test('writes and reads batches, and scans in segments', async () => {
      const pk = freshPartition();
      const items = Array.from({ length: 25 }, (_, index) => ({ pk, sk: String(index), v: index }));
      const PutRequests = items.map((Item) => ({ PutRequest: { Item } }));
      await documents.send(new BatchWriteCommand({ RequestItems: { [TableName]: PutRequests } }));
      const Keys = items.map(({ sk }) => ({ pk, sk }));
      const { Responses } = await documents.send(
        new BatchGetCommand({ RequestItems: { [TableName]: { Keys, ConsistentRead: true } } }),
      );
      expect(new Set(Responses?.[TableName]?.map(({ v }) => v))).toEqual(
        new Set(items.map(({ v }) => v)),
      );
      const segments = await Promise.all(
        [0, 1, 2].map(async (Segment) => {
          const { Items = [] } = await documents.send(
            new ScanCommand({
              TableName,
              Segment,
              TotalSegments: 3,
              FilterExpression: 'pk = :pk',
              ExpressionAttributeValues: { ':pk': pk },
              ConsistentRead: true,
            }),
          );
          return Items;
        }),
      );
      expect(segments.flat()).toHaveLength(25);
    });

    test.each<[string, () => Promise<unknown>, string]>([
      [
        'a table that is not there',
        () =>
          documents.send(new GetCommand({ TableName: 'absent-table', Key: { pk: 'a', sk: 'b' } })),
        'ResourceNotFoundException',
      ],
      [
        'half a key',
        () => documents.send(new GetCommand({ TableName, Key: { pk: 'a' } })),
        'ValidationException',
      ],
      ['an empty key', () => put({ pk: '', sk: 'a' }), 'ValidationException'],
      [
        'an item above 400 KB',
        () => put({ pk: 'a', sk: 'b', v: 'x'.repeat(410_000) }),
        'ValidationException',
      ],
      [
        'an expression with a syntax error',
        () =>
          documents.send(
            new PutCommand({
              TableName,
              Item: { pk: 'a', sk: 'b' },
              ConditionExpression: 'attribute_exists(',
            }),
          ),
        'ValidationException',
      ],
      [
        'a transaction with one item twice',
        () =>
          documents.send(
            new TransactWriteCommand({
              TransactItems: [
                { Put: { TableName, Item: { pk: 'a', sk: 'b' } } },
                { Delete: { TableName, Key: { pk: 'a', sk: 'b' } } },
              ],
            }),
          ),
        'ValidationException',
      ],
      [
        'an update of a path that is not there',
        () =>
          documents.send(
            new UpdateCommand({
              TableName,
              Key: { pk: 'a', sk: 'absent' },
              UpdateExpression: 'SET m.x = :v',
              ExpressionAttributeValues: { ':v': 1 },
            }),
          ),
        'ValidationException',
      ],
    ])('refuses %s', async (_, call, code) => {
      await expect(call()).rejects.toMatchObject({
        name: code,
        $metadata: { httpStatusCode: 400 },
      });
    });
  });
}
