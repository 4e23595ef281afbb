import {
  DynamoDBClient,
  DynamoDBServiceException,
  GetItemCommand,
  ListTablesCommand,
  PutItemCommand,
  QueryCommand,
  ScanCommand,
} from '@aws-sdk/client-dynamodb';
import { afterAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type AccountOptions,
  type Declaration,
  type EmulatedAccount,
  KEY,
  KEY_ARN,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { dynamoDbCases } from '../cases/dynamodb.case.ts';
import { dynamoDbTransactionCases } from '../cases/dynamodb-transactions.case.ts';

const ARN = `arn:aws:dynamodb:${PLACE.region}:${PLACE.account}:table/games`;
const HASH = { AttributeName: 'pk', KeyType: 'HASH' };
const RANGE = { AttributeName: 'sk', KeyType: 'RANGE' };
const strings = (...names: readonly string[]) =>
  names.map((AttributeName) => ({ AttributeName, AttributeType: 'S' }));

const BY_OWNER = {
  IndexName: 'by-owner',
  KeySchema: [
    { AttributeName: 'owner', KeyType: 'HASH' },
    { AttributeName: 'score', KeyType: 'RANGE' },
  ],
  Projection: { ProjectionType: 'ALL' },
};

const games = (properties: Readonly<Record<string, unknown>> = {}): Declaration => [
  'AWS::DynamoDB::Table',
  'Games',
  {
    TableName: 'games',
    BillingMode: 'PAY_PER_REQUEST',
    KeySchema: [HASH, RANGE],
    AttributeDefinitions: strings('pk', 'sk'),
    ...properties,
  },
];
const withIndex = games({
  AttributeDefinitions: [
    ...strings('pk', 'sk', 'owner'),
    { AttributeName: 'score', AttributeType: 'N' },
  ],
  GlobalSecondaryIndexes: [BY_OWNER],
});
const player = role('player', ['dynamodb:*']);

function clientOf(account: EmulatedAccount, roleName = 'player'): DynamoDBClient {
  const { endpoint, region } = account;
  return new DynamoDBClient({ endpoint, region, credentials: account.keysOf(roleName) });
}

const Key = (pk: string, sk = '') => ({ pk: { S: pk }, sk: { S: sk || 'a' } });
const put = (Item: PutItemCommand['input']['Item']) =>
  new PutItemCommand({ TableName: 'games', Item });
const get = (pk: string) => new GetItemCommand({ TableName: 'games', Key: Key(pk) });
const byOwner = new QueryCommand({
  TableName: 'games',
  IndexName: 'by-owner',
  KeyConditionExpression: '#owner = :owner',
  ExpressionAttributeNames: { '#owner': 'owner' },
  ExpressionAttributeValues: { ':owner': { S: 'me' } },
});

const shared = await startAccount([player, withIndex]);
afterAll(() => shared[Symbol.asyncDispose]());
const connect = async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('player'),
  tableName: 'games',
});
dynamoDbCases('emulator', connect);
dynamoDbTransactionCases('emulator', connect);

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

describe('permissions', () => {
  test('a missing one answers 403 and names principal, action and resource', async () => {
    await using account = await startAccount([role('reader', ['dynamodb:GetItem', ARN]), games()]);
    const failure = await clientOf(account, 'reader')
      .send(put(Key('a')))
      .catch((reason: unknown) => reason);
    expect(failure).toBeInstanceOf(DynamoDBServiceException);
    expect(failure).toMatchObject({
      name: 'AccessDeniedException',
      message: `User: arn:aws:sts::${PLACE.account}:assumed-role/reader/test is not authorized to perform: dynamodb:PutItem on resource: ${ARN} because no identity-based policy allows the dynamodb:PutItem action`,
      $metadata: { httpStatusCode: 403 },
    });
  });

  test('an index has an ARN of its own', async () => {
    await using account = await startAccount([
      role('on-table', ['dynamodb:Query', ARN]),
      role('on-index', ['dynamodb:Query', `${ARN}/index/*`]),
      withIndex,
    ]);
    await expect(clientOf(account, 'on-table').send(byOwner)).rejects.toThrow('/index/by-owner');
    await expect(clientOf(account, 'on-index').send(byOwner)).resolves.toMatchObject({ Count: 0 });
  });

  test('leading keys confine a role to its partitions', async () => {
    const toMine = { 'ForAllValues:StringLike': { 'dynamodb:LeadingKeys': 'mine#*' } };
    await using account = await startAccount([
      role('confined', ['dynamodb:*', '*', toMine]),
      games(),
    ]);
    const client = clientOf(account, 'confined');
    await expect(client.send(put(Key('mine#1')))).resolves.toBeDefined();
    await expect(client.send(put(Key('yours#1')))).rejects.toThrow('dynamodb:PutItem');
    const query = (pk: string) =>
      client.send(
        new QueryCommand({
          TableName: 'games',
          KeyConditionExpression: 'pk = :pk',
          ExpressionAttributeValues: { ':pk': { S: pk } },
        }),
      );
    await expect(query('mine#1')).resolves.toMatchObject({ Count: 1 });
    await expect(query('yours#1')).rejects.toThrow('dynamodb:Query');
  });

  test("a table under a customer's key needs kms:Decrypt through DynamoDB", async () => {
    const SSESpecification = { SSEEnabled: true, SSEType: 'KMS', KMSMasterKeyId: KEY_ARN };
    const throughDynamoDb = {
      StringEquals: {
        'kms:ViaService': `dynamodb.${PLACE.region}.amazonaws.com`,
        'kms:EncryptionContext:aws:dynamodb:tableName': 'games',
      },
    };
    const opener = role('opener', ['dynamodb:*'], ['kms:Decrypt', KEY_ARN, throughDynamoDb]);
    await using account = await startAccount([player, opener, KEY, games({ SSESpecification })]);
    await expect(clientOf(account, 'opener').send(get('a'))).resolves.toBeDefined();
    await expect(clientOf(account).send(get('a'))).rejects.toMatchObject({
      name: 'AccessDeniedException',
      message: expect.stringContaining(`kms:Decrypt on resource: ${KEY_ARN}`),
    });
  });
});

describe('time to live', () => {
  const expiring = games({
    TimeToLiveSpecification: { AttributeName: 'expiresAt', Enabled: true },
  });
  const startMs = Date.parse('2026-01-01T00:00:00Z');
  const at = (offsetSeconds: number) => ({ N: String(startMs / 1000 + offsetSeconds) });

  test('takes what has expired on the virtual clock and leaves the rest', async () => {
    const clock = new VirtualClock(startMs);
    await using account = await startAccount([player, expiring], { clock });
    const client = clientOf(account);
    await client.send(put({ ...Key('soon'), expiresAt: at(30) }));
    await client.send(put({ ...Key('later'), expiresAt: at(300) }));
    await client.send(put({ ...Key('never') }));
    await client.send(put({ ...Key('text'), expiresAt: { S: '1' } }));
    await client.send(put({ ...Key('mistaken'), expiresAt: at(-6 * 365 * 24 * 3600) }));
    await client.send(put({ ...Key('prolonged'), expiresAt: at(30) }));
    await client.send(put({ ...Key('prolonged'), expiresAt: at(300) }));
    clock.advance(61_000);
    await expect.poll(async () => (await client.send(get('soon'))).Item).toBeUndefined();
    const left = await client.send(new ScanCommand({ TableName: 'games' }));
    expect(new Set(left.Items?.map(({ pk }) => pk?.S))).toEqual(
      new Set(['later', 'never', 'text', 'mistaken', 'prolonged']),
    );
  });

  test('goes on after a restart', async () => {
    await using folder = await temporaryFolder();
    const clock = new VirtualClock(startMs);
    {
      await using account = await startAccount([player, expiring], { clock, ...folder });
      await clientOf(account).send(put({ ...Key('soon'), expiresAt: at(30) }));
    }
    clock.advance(31_000);
    await using account = await startAccount([player, expiring], { clock, ...folder });
    expect(await account.dynamodb.sweep()).toBe(1);
  });
});

describe('a restart', () => {
  test('keeps items, and puts kept ones into an index the template has gained', async () => {
    await using folder = await temporaryFolder();
    const score = { owner: { S: 'me' }, score: { N: '1' } };
    await over(folder, [player, games()], (client) => client.send(put({ ...Key('a'), ...score })));
    await over(folder, [player, withIndex], async (client) => {
      expect((await client.send(byOwner)).Items).toEqual([{ ...Key('a'), ...score }]);
    });
    await over(folder, [player, games()], async (client) => {
      await expect(client.send(byOwner)).rejects.toThrow('does not have the specified index');
      expect((await client.send(get('a'))).Item).toEqual({ ...Key('a'), ...score });
    });
  });

  test.each<[string, Declaration, string]>([
    [
      'key',
      games({ KeySchema: [HASH], AttributeDefinitions: strings('pk') }),
      'the table games was made with the key',
    ],
    [
      'index',
      games({
        AttributeDefinitions: strings('pk', 'sk', 'owner'),
        GlobalSecondaryIndexes: [{ ...BY_OWNER, KeySchema: BY_OWNER.KeySchema.slice(0, 1) }],
      }),
      'the index by-owner of games was made with another key',
    ],
  ])('refuses another %s and says what to do', async (_, changed, message) => {
    await using folder = await temporaryFolder();
    await over(folder, [player, withIndex], async () => {});
    const restart = () => startAccount([player, changed], folder);
    await expect(restart()).rejects.toThrow(message);
    await expect(restart()).rejects.toThrow('delete .slipway');
  });

  test('leaves tables of an earlier template out of reach', async () => {
    await using folder = await temporaryFolder();
    await over(folder, [player, games()], (client) => client.send(put(Key('a'))));
    await over(folder, [player], async (client) => {
      await expect(client.send(get('a'))).rejects.toMatchObject({
        name: 'ResourceNotFoundException',
      });
    });
  });
});

describe('templates', () => {
  test('a global table with its one replica here behaves like a table, its key included', async () => {
    const table: Declaration = [
      'AWS::DynamoDB::GlobalTable',
      'Games',
      {
        TableName: 'games',
        KeySchema: [HASH, RANGE],
        AttributeDefinitions: strings('pk', 'sk'),
        SSESpecification: { SSEEnabled: true, SSEType: 'KMS' },
        Replicas: [{ Region: PLACE.region, SSESpecification: { KMSMasterKeyId: KEY_ARN } }],
      },
    ];
    const opener = role('opener', ['dynamodb:*'], ['kms:Decrypt']);
    await using account = await startAccount([player, opener, KEY, table]);
    await clientOf(account, 'opener').send(put(Key('a')));
    expect((await clientOf(account, 'opener').send(get('a'))).Item).toEqual(Key('a'));
    await expect(clientOf(account).send(get('a'))).rejects.toThrow(
      `kms:Decrypt on resource: ${KEY_ARN}`,
    );
  });

  test('a global table with a replica elsewhere stops the start', async () => {
    const Replicas = [{ Region: PLACE.region }, { Region: 'us-east-1' }];
    const [, logicalId, properties] = games({ Replicas });
    const elsewhere: Declaration = ['AWS::DynamoDB::GlobalTable', logicalId, properties];
    await expect(startAccount([elsewhere])).rejects.toThrow('other regions are not emulated');
  });

  test('one that DynamoDB would refuse stops the start', async () => {
    const unused = games({ AttributeDefinitions: strings('pk', 'sk', 'other') });
    await expect(startAccount([player, unused])).rejects.toThrow(
      /^Test\/Games: DynamoDB would refuse/,
    );
  });
});

test('an operation that nothing uses answers 501 and names itself', async () => {
  const failure = clientOf(shared).send(new ListTablesCommand({}));
  await expect(failure).rejects.toMatchObject({
    message: expect.stringContaining('DynamoDB_20120810.ListTables is not emulated'),
    $metadata: { httpStatusCode: 501 },
  });
});

/** Runs `work` on an account over kept state. */
async function over(
  folder: AccountOptions,
  declarations: readonly Declaration[],
  work: (client: DynamoDBClient) => Promise<unknown>,
): Promise<void> {
  await using account = await startAccount(declarations, folder);
  await work(clientOf(account));
}
