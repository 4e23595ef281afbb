import {
  DynamoDBClient,
  IdempotentParameterMismatchException,
  TransactionCanceledException,
} from '@aws-sdk/client-dynamodb';
import {
  DynamoDBDocumentClient,
  GetCommand,
  PutCommand,
  TransactGetCommand,
  TransactWriteCommand,
  UpdateCommand,
} from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DynamoDbTarget } from './dynamodb.case.ts';

/** What Slipway relies on in DynamoDB's transactions, wherever they run. */
export function dynamoDbTransactionCases(
  name: string,
  connect: () => Promise<DynamoDbTarget>,
): void {
  describe(`DynamoDB transactions: ${name}`, () => {
    let TableName: string;
    let documents: DynamoDBDocumentClient;
    let partitions = 0;
    /** A partition that no other case writes to. */
    const freshPartition = () => `${Date.now()}-transaction-${(partitions += 1)}`;

    beforeAll(async () => {
      const { tableName, ...target } = await connect();
      TableName = tableName;
      documents = DynamoDBDocumentClient.from(new DynamoDBClient(target));
    });
    afterAll(() => documents.destroy());

    const put = (Item: Record<string, unknown>) =>
      documents.send(new PutCommand({ TableName, Item }));
    const get = async (pk: string, sk: string) => {
      const command = new GetCommand({ TableName, Key: { pk, sk }, ConsistentRead: true });
      return (await documents.send(command)).Item;
    };

    test('a transaction happens whole or not at all, and says why not', async () => {
      const pk = freshPartition();
      await put({ pk, sk: 'account', balance: 5 });
      const transaction = new TransactWriteCommand({
        TransactItems: [
          { Put: { TableName, Item: { pk, sk: 'new' } } },
          { Delete: { TableName, Key: { pk, sk: 'absent' } } },
          {
            ConditionCheck: {
              TableName,
              Key: { pk, sk: 'account' },
              ConditionExpression: 'balance > :least',
              ExpressionAttributeValues: { ':least': 10 },
              ReturnValuesOnConditionCheckFailure: 'ALL_OLD',
            },
          },
        ],
      });
      const failure = await documents.send(transaction).catch((reason: unknown) => reason);
      expect(failure).toBeInstanceOf(TransactionCanceledException);
      const { CancellationReasons = [] } = failure as TransactionCanceledException;
      expect(CancellationReasons.map(({ Code }) => Code)).toEqual([
        'None',
        'None',
        'ConditionalCheckFailed',
      ]);
      expect(CancellationReasons[2]?.Item).toMatchObject({ balance: { N: '5' } });
      expect(await get(pk, 'new')).toBeUndefined();
      await documents.send(
        new UpdateCommand({
          TableName,
          Key: { pk, sk: 'account' },
          UpdateExpression: 'SET balance = :more',
          ExpressionAttributeValues: { ':more': 11 },
        }),
      );
      await documents.send(transaction);
      expect(await get(pk, 'new')).toEqual({ pk, sk: 'new' });
    });

    test('concurrent transfers conserve the sum and never overdraw', async () => {
      const pk = freshPartition();
      await put({ pk, sk: 'from', balance: 100 });
      await put({ pk, sk: 'to', balance: 0 });
      const change = (sk: string, by: number) => ({
        Update: {
          TableName,
          Key: { pk, sk },
          UpdateExpression: 'SET balance = balance + :by',
          ConditionExpression: 'balance >= :least',
          ExpressionAttributeValues: { ':by': by, ':least': by < 0 ? -by : 0 },
        },
      });
      const transfers = await Promise.allSettled(
        Array.from({ length: 150 }, () =>
          retryingConflicts(() =>
            documents.send(
              new TransactWriteCommand({ TransactItems: [change('from', -1), change('to', 1)] }),
            ),
          ),
        ),
      );
      expect(transfers.filter(({ status }) => status === 'fulfilled')).toHaveLength(100);
      expect([await get(pk, 'from'), await get(pk, 'to')]).toMatchObject([
        { balance: 0 },
        { balance: 100 },
      ]);
    });

    test('a transaction with the same token happens once', async () => {
      const pk = freshPartition();
      const addOne = (by: number) =>
        documents.send(
          new TransactWriteCommand({
            ClientRequestToken: `token-${pk}`.slice(0, 36),
            TransactItems: [
              {
                Update: {
                  TableName,
                  Key: { pk, sk: 'a' },
                  UpdateExpression: 'ADD n :by',
                  ExpressionAttributeValues: { ':by': by },
                },
              },
            ],
          }),
        );
      await addOne(1);
      await addOne(1);
      expect(await get(pk, 'a')).toMatchObject({ n: 1 });
      await expect(addOne(2)).rejects.toBeInstanceOf(IdempotentParameterMismatchException);
    });

    test('a transaction that reads sees no other one half done', async () => {
      const pk = freshPartition();
      await put({ pk, sk: 'a', n: 0 });
      await put({ pk, sk: 'b', n: 0 });
      const set = (sk: string, n: number) => ({ Put: { TableName, Item: { pk, sk, n } } });
      const readBoth = async () => {
        const { Responses = [] } = await retryingConflicts(() =>
          documents.send(
            new TransactGetCommand({
              TransactItems: ['a', 'b'].map((sk) => ({ Get: { TableName, Key: { pk, sk } } })),
            }),
          ),
        );
        return Responses.map(({ Item }) => Item?.['n']);
      };
      const reads: Promise<unknown[]>[] = [];
      for (let n = 1; n <= 10; n += 1) {
        reads.push(readBoth());
        await retryingConflicts(() =>
          documents.send(new TransactWriteCommand({ TransactItems: [set('a', n), set('b', n)] })),
        );
      }
      for (const [a, b] of await Promise.all(reads)) expect(a).toBe(b);
    });
  });
}

/** AWS cancels transactions that meet another one on the same item; the caller tries again. */
async function retryingConflicts<T>(call: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await call();
    } catch (failure) {
      const reasons =
        failure instanceof TransactionCanceledException ? failure.CancellationReasons : undefined;
      if (!reasons?.some(({ Code }) => Code === 'TransactionConflict')) throw failure;
    }
  }
}
