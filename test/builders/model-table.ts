import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { DynamoDBDocumentClient } from '@aws-sdk/lib-dynamodb';
import { type Declaration, PLACE, role, startAccount } from './emulated-account.ts';

const key = (...names: readonly string[]) =>
  names.map((AttributeName, at) => ({ AttributeName, KeyType: at === 0 ? 'HASH' : 'RANGE' }));

/** As CDK's TableV2 synthesizes it. */
export const modelTable = (TableName: string, ...keys: readonly string[]): Declaration => [
  'AWS::DynamoDB::GlobalTable',
  TableName,
  {
    TableName,
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: key(...keys),
    AttributeDefinitions: keys.map((AttributeName) => ({ AttributeName, AttributeType: 'S' })),
    Replicas: [{ Region: PLACE.region }],
  },
];

/** Tables on an emulated DynamoDB, with a client as functions have it. */
export async function startTables(...tables: readonly Declaration[]) {
  const account = await startAccount([role('writer', ['dynamodb:*']), ...tables]);
  const { endpoint, region } = account;
  const credentials = account.keysOf('writer');
  const documents = DynamoDBDocumentClient.from(
    new DynamoDBClient({ endpoint, region, credentials }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  return {
    ...account,
    account,
    documents,
    [Symbol.asyncDispose]: () => account[Symbol.asyncDispose](),
  };
}
