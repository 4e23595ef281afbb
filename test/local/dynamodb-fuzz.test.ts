import fc from 'fast-check';
import { expect, test } from 'vitest';
import { type Declaration, role, startAccount } from '../builders/emulated-account.ts';
import { callJson } from '../builders/signed-fetch.ts';

/** Mostly right, so that requests get past the first check and reach the next one. */
const mostly = <T, U>(right: fc.Arbitrary<T>, wrong: fc.Arbitrary<U>) =>
  fc.oneof({ arbitrary: right, weight: 12 }, { arbitrary: wrong, weight: 1 });
const maybe = <T>(arbitrary: fc.Arbitrary<T>) => fc.option(arbitrary, { nil: undefined });

const text = fc.constantFrom({ S: 'a' }, { S: 'b' });
const rightValue = fc.constantFrom<object>(
  { S: 'a' },
  { N: '1' },
  { N: '-1e-130' },
  { B: 'YQ==' },
  { BOOL: true },
  { NULL: true },
  { SS: ['a', 'b'] },
  { NS: ['1'] },
  { L: [{ S: 'a' }, { L: [] }] },
  { M: { m: { N: '1' }, '': { S: '' } } },
);
const wrongValue = fc.constantFrom<unknown>(
  { N: 'x' },
  { N: '1e999' },
  { B: '?' },
  { SS: [] },
  { NS: ['1', '1'] },
  { L: [null] },
  { S: 'a', N: '1' },
  { S: 1 },
  {},
  [],
  null,
  'text',
);
const value = mostly(rightValue, wrongValue);
const keyValue = mostly(text, fc.oneof(wrongValue, rightValue, fc.constant({ S: '' })));
const key = fc.record({ pk: keyValue });
const item = fc.record({ pk: keyValue, a: maybe(keyValue), b: maybe(value), c: maybe(value) });

/** Every expression uses `:v`, because DynamoDB refuses values that nothing uses. */
const path = mostly(
  fc.constantFrom('a', 'b', 'c', 'b.m', 'c[0]', 'c[1].x'),
  fc.constantFrom('size', '', '#absent', 'a b'),
);
const condition = fc
  .tuple(
    mostly(
      fc.constantFrom(
        'P = :v',
        'P <> :v',
        'P < :v',
        'P BETWEEN :v AND :v',
        'P IN (:v, :v)',
        'size(P) > :v',
        'contains(P, :v)',
        'begins_with(P, :v)',
        'attribute_type(P, :v)',
        'attribute_exists(Q) OR NOT P = :v',
      ),
      fc.constantFrom('P = ', ':v', 'nope(P, :v)', 'P = :absent', '(((P = :v))', 'NOT NOT'),
    ),
    path,
    path,
  )
  .map(([template, p, q]) => template.replaceAll('P', p).replaceAll('Q', q));
const update = fc
  .tuple(
    mostly(
      fc.constantFrom(
        'SET P = :v',
        'SET P = if_not_exists(Q, :v)',
        'SET P = list_append(Q, :v)',
        'SET P = Q + :v',
        'SET P = :v REMOVE Q',
        'ADD P :v',
        'DELETE P :v',
      ),
      fc.constantFrom('SET P', 'SET P = :v, P = :v', 'SET pk = :v', 'REMOVE P', 'P = :v'),
    ),
    path,
    path,
  )
  .map(([template, p, q]) => template.replaceAll('P', p).replaceAll('Q', q));

const TableName = mostly(
  fc.constant('table'),
  fc.constantFrom<unknown>('absent', 'x', 7, undefined),
);
const ExpressionAttributeValues = mostly(
  fc.record({ ':v': value }),
  fc.constantFrom<unknown>(undefined, {}, { v: 1 }, []),
);
const conditional = fc.oneof(
  fc.constant({}),
  fc.record({ ConditionExpression: condition, ExpressionAttributeValues }),
);
const filtered = fc.oneof(
  fc.constant({}),
  fc.record({ FilterExpression: condition, ExpressionAttributeValues }),
);
const paged = fc.record({
  Limit: maybe(mostly(fc.constant(1), fc.constantFrom<unknown>(0, 'x'))),
  ExclusiveStartKey: maybe(key),
});
const merge = (...parts: readonly fc.Arbitrary<object>[]) =>
  fc.tuple(...parts).map((objects): object => Object.assign({}, ...objects));

const requests: Readonly<Record<string, fc.Arbitrary<object>>> = {
  PutItem: merge(fc.record({ TableName, Item: item }), conditional),
  DeleteItem: merge(fc.record({ TableName, Key: key }), conditional),
  UpdateItem: fc.record({
    TableName,
    Key: key,
    UpdateExpression: update,
    ExpressionAttributeValues,
    ReturnValues: maybe(fc.constantFrom('ALL_NEW', 'UPDATED_OLD', 'x')),
  }),
  GetItem: fc.record({ TableName, Key: key, ProjectionExpression: maybe(path) }),
  Query: merge(
    fc.constantFrom<object>(
      { KeyConditionExpression: 'pk = :v' },
      { IndexName: 'by-a', KeyConditionExpression: 'a = :v' },
      { IndexName: 'absent', KeyConditionExpression: 'a = :v' },
      { KeyConditionExpression: 'a = :v' },
      { KeyConditionExpression: 'pk > :v' },
    ),
    fc.record({ TableName, ExpressionAttributeValues }),
    paged,
  ),
  Scan: merge(
    fc.record({
      TableName,
      IndexName: maybe(fc.constant('by-a')),
      Segment: maybe(fc.constantFrom<unknown>(0, 9)),
      TotalSegments: maybe(fc.constantFrom<unknown>(2, -1)),
    }),
    filtered,
    paged,
  ),
  BatchWriteItem: fc.record({
    RequestItems: fc.dictionary(
      mostly(fc.constant('table'), fc.constant('absent')),
      mostly(
        fc.array(
          fc.oneof(
            item.map((Item) => ({ PutRequest: { Item } })),
            key.map((Key) => ({ DeleteRequest: { Key } })),
          ),
          { minLength: 1, maxLength: 2 },
        ),
        wrongValue,
      ),
      { maxKeys: 1 },
    ),
  }),
  BatchGetItem: fc.record({
    RequestItems: mostly(
      fc.record({ table: fc.record({ Keys: fc.array(key, { maxLength: 2 }) }) }),
      wrongValue,
    ),
  }),
  TransactWriteItems: fc.record({
    TransactItems: fc.array(
      mostly(
        fc.oneof(
          merge(fc.record({ TableName, Item: item }), conditional).map((Put) => ({ Put })),
          merge(fc.record({ TableName, Key: key }), conditional).map((Delete) => ({ Delete })),
          merge(fc.record({ TableName, Key: key }), conditional).map((ConditionCheck) => ({
            ConditionCheck,
          })),
        ),
        wrongValue,
      ),
      { maxLength: 2 },
    ),
  }),
  TransactGetItems: fc.record({
    TransactItems: mostly(
      fc.array(
        key.map((Key) => ({ Get: { TableName: 'table', Key } })),
        { minLength: 1, maxLength: 2 },
      ),
      wrongValue,
    ),
  }),
};

const table: Declaration = [
  'AWS::DynamoDB::Table',
  'Table',
  {
    TableName: 'table',
    KeySchema: [{ AttributeName: 'pk', KeyType: 'HASH' }],
    AttributeDefinitions: ['pk', 'a'].map((AttributeName) => ({
      AttributeName,
      AttributeType: 'S',
    })),
    GlobalSecondaryIndexes: [
      {
        IndexName: 'by-a',
        KeySchema: [{ AttributeName: 'a', KeyType: 'HASH' }],
        Projection: { ProjectionType: 'ALL' },
      },
    ],
  },
];

test('no request makes the emulator fail or end, whatever it holds', async () => {
  await using account = await startAccount([role('player', ['dynamodb:*']), table]);
  const { endpoint, region } = account;
  const target = { endpoint, region, credentials: account.keysOf('player') };
  const request = fc.oneof(
    ...Object.entries(requests).map(([operation, inputs]) =>
      inputs.map((input) => ({ operation, input })),
    ),
  );
  const answered = { 200: 0, 400: 0 };
  await fc.assert(
    fc.asyncProperty(request, async ({ operation, input }) => {
      const service = { target: `DynamoDB_20120810.${operation}`, version: '1.0' } as const;
      const { status, json } = await callJson(target, { service: 'dynamodb', ...service }, input);
      expect([200, 400]).toContain(status);
      answered[status as 200 | 400] += 1;
      const error = { __type: expect.any(String), message: expect.any(String) };
      expect(status === 200 ? error : json).toMatchObject(error);
    }),
    { numRuns: 900 },
  );
  expect(account.faults).toEqual([]);
  expect(answered[200]).toBeGreaterThan(200);
  expect(answered[400]).toBeGreaterThan(200);
});
