import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient, PutCommand, QueryCommand } from '@aws-sdk/lib-dynamodb';
import { describe, expect, test } from 'vitest';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import {
  type Declaration,
  type EmulatedAccount,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';

const TableName = 'joins';
const attribute = (AttributeName: string) => ({ AttributeName, AttributeType: 'S' });
const key = (hash: string, range: string) => [
  { AttributeName: hash, KeyType: 'HASH' },
  { AttributeName: range, KeyType: 'RANGE' },
];
const index = (IndexName: string, Projection: object) => ({
  IndexName,
  KeySchema: key('cohort', 'pk'),
  Projection,
});
/** As CDK's TableV2 synthesizes it. */
const TABLE: Declaration = [
  'AWS::DynamoDB::GlobalTable',
  'Joins',
  {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: key('pk', 'sk'),
    AttributeDefinitions: ['pk', 'sk', 'cohort'].map(attribute),
    GlobalSecondaryIndexes: [
      index('keys', { ProjectionType: 'KEYS_ONLY' }),
      index('some', { ProjectionType: 'INCLUDE', NonKeyAttributes: ['model'] }),
      index('all', { ProjectionType: 'ALL' }),
    ],
    Replicas: [{ Region: PLACE.region }],
  },
];
const RECORDER = role('recorder', ['dynamodb:*']);

/** A client that does not retry, so that a fault is seen once. */
function documentsOf(account: EmulatedAccount): DynamoDBDocumentClient {
  const { endpoint, region } = account;
  const credentials = account.keysOf('recorder');
  return DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region, credentials, maxAttempts: 1 }),
  );
}
const put = (pk: string) =>
  new PutCommand({ TableName, Item: { pk, sk: 's', cohort: 'm#12', model: 'm', value: 1 } });

test.each<[string, object]>([
  ['keys', { pk: 'a', sk: 's', cohort: 'm#12' }],
  ['some', { pk: 'a', sk: 's', cohort: 'm#12', model: 'm' }],
  ['all', { pk: 'a', sk: 's', cohort: 'm#12', model: 'm', value: 1 }],
])('a query on the index "%s" of a global table gives what it projects', async (name, item) => {
  await using account = await startAccount([RECORDER, TABLE]);
  const documents = documentsOf(account);
  await documents.send(put('a'));
  const { Items } = await documents.send(
    new QueryCommand({
      TableName,
      IndexName: name,
      KeyConditionExpression: 'cohort = :cohort',
      ExpressionAttributeValues: { ':cohort': 'm#12' },
    }),
  );
  expect(Items).toEqual([item]);
});

describe('a fault that a test orders', () => {
  const throttle = {
    service: 'DynamoDB',
    operation: 'PutItem',
    error: new ServiceError(
      400,
      'ProvisionedThroughputExceededException',
      'The level of configured provisioned throughput for the table was exceeded.',
    ),
  };

  test('fails as many calls as it says, and then no more', async () => {
    await using account = await startAccount([RECORDER, TABLE]);
    const documents = documentsOf(account);
    account.injected.inject({ ...throttle, times: 2 });
    for (const pk of ['a', 'b'])
      await expect(documents.send(put(pk))).rejects.toMatchObject({ name: throttle.error.code });
    await expect(documents.send(put('c'))).resolves.toBeDefined();
  });

  test('fails only the calls it is about, until it is taken back', async () => {
    await using account = await startAccount([RECORDER, TABLE]);
    const documents = documentsOf(account);
    {
      using _ = account.injected.inject({
        ...throttle,
        matches: ({ Item }) => JSON.stringify(Item).includes('"bad"'),
      });
      await expect(documents.send(put('bad'))).rejects.toThrow('throughput');
      await expect(documents.send(put('good'))).resolves.toBeDefined();
    }
    await expect(documents.send(put('bad'))).resolves.toBeDefined();
  });
});
