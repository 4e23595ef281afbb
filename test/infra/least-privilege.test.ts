import { afterAll, describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { type Json, listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const app = synthesize([aModel('m')]);
afterAll(() => app[Symbol.dispose]());

interface Grant {
  readonly action: string;
  readonly resource: string;
}

const statementsOf = (policy: Json | undefined) =>
  listOf(objectOf(policy)['Statement']).map((statement) => objectOf(statement));

/** What a role may do, one line an action and resource. */
const grants = new Map(
  app.of('AWS::IAM::Policy').map(({ properties }) => [
    textOf(listOf(properties['Roles'])[0]).slice(1, -1),
    statementsOf(properties['PolicyDocument']).flatMap(({ Action, Resource }): Grant[] =>
      listOf(Action).flatMap((action) =>
        listOf(Resource).map((resource) => ({
          action: textOf(action),
          resource: textOf(resource),
        })),
      ),
    ),
  ]),
);
const allGrants = [...grants.values()].flat();
const grantsOf = (role: string): string[] =>
  (grants.get(role) ?? []).map(({ action, resource }) => `${action} ${resource}`);

/** What every function does for itself. */
const own = (name: string): string[] => [
  `logs:CreateLogStream <${name}Logs.Arn>`,
  `logs:PutLogEvents <${name}Logs.Arn>`,
  'xray:PutTelemetryRecords *',
  'xray:PutTraceSegments *',
];
const key = '<stateful/Key.Arn>';

/** By the service authorization reference: X-Ray, alarms by prefix, metrics, and the delivery of machines' logs. */
const WITHOUT_RESOURCES = [
  'cloudwatch:DescribeAlarms',
  'cloudwatch:GetMetricData',
  'logs:CreateLogDelivery',
  'logs:DeleteLogDelivery',
  'logs:DescribeLogGroups',
  'logs:DescribeResourcePolicies',
  'logs:GetLogDelivery',
  'logs:ListLogDeliveries',
  'logs:PutResourcePolicy',
  'logs:UpdateLogDelivery',
  'xray:GetSamplingRules',
  'xray:GetSamplingTargets',
  'xray:PutTelemetryRecords',
  'xray:PutTraceSegments',
];

describe('no policy', () => {
  test('names an action by a pattern', () => {
    expect(allGrants.filter(({ action }) => action.includes('*'))).toEqual([]);
  });

  test('names all resources, but for services that know none', () => {
    expect(
      new Set(allGrants.flatMap(({ action, resource }) => (resource === '*' ? [action] : []))),
    ).toEqual(new Set(WITHOUT_RESOURCES));
  });

  test('is one of AWS, but for the role with which API Gateway writes the access log', () => {
    expect(
      app
        .of('AWS::IAM::Role')
        .flatMap(({ name, properties }) =>
          'ManagedPolicyArns' in properties ? [[name, properties['ManagedPolicyArns']]] : [],
        ),
    ).toEqual([
      [
        'delivery/ApiRestCloudWatchRole',
        ['arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs'],
      ],
    ]);
  });

  test('of a resource lets anybody in', () => {
    const policies = app.resources.flatMap(({ name, properties }) =>
      ['PolicyDocument', 'KeyPolicy', 'AssumeRolePolicyDocument'].flatMap((document) =>
        statementsOf(properties[document]).flatMap(({ Effect, Principal, Condition }) =>
          Effect === 'Allow' && Principal !== undefined ? [{ name, Principal, Condition }] : [],
        ),
      ),
    );
    expect(policies.length).toBeGreaterThan(0);
    expect(policies.filter(({ Principal }) => JSON.stringify(Principal).includes('"*"'))).toEqual(
      [],
    );
  });

  test('lets a service invoke a function for whatever account', () => {
    expect(
      app.of('AWS::Lambda::Permission').filter(({ properties }) => !('SourceArn' in properties)),
    ).toEqual([]);
  });
});

describe('the role of', () => {
  test('the inspecting function writes its log and its traces, and does nothing else', () => {
    const name = 'delivery/PromoteInspectGraph';
    expect(grantsOf(`${name}Role`)).toEqual(own(name));
  });

  test('the catalog reads routes', () => {
    const name = 'delivery/ServeCatalog';
    expect(grantsOf(`${name}Role`)).toEqual([
      ...own(name),
      'dynamodb:GetItem <stateful/Routes.Arn>',
      `kms:Decrypt ${key}`,
    ]);
  });

  const reading = [
    'dynamodb:GetItem <stateful/Routes.Arn>',
    'dynamodb:GetItem <stateful/Versions.Arn>',
    `kms:Decrypt ${key}`,
    's3:GetObject <stateful/Artifacts.Arn>/artifacts/*',
  ];

  test('a serving function reads routes, versions and artifacts, and writes none', () => {
    expect(grantsOf('m/ServerRole').toSorted()).toEqual(
      [...reading, ...own('m/Server')].toSorted(),
    );
  });

  test('a shadow function reads the same, and sends its dead letters', () => {
    expect(grantsOf('m/ShadowRole').toSorted()).toEqual(
      [
        ...reading,
        ...own('m/Shadow'),
        'sqs:SendMessage <delivery/DeadLetters.Arn>',
        `kms:GenerateDataKey ${key}`,
      ].toSorted(),
    );
  });

  test('the operator API writes versions, routes, promotions, uploads and artifacts, and deletes no version', () => {
    const name = 'delivery/PromoteOperatorApi';
    const machine = 'arn:aws:states:us-east-1:<AWS::AccountId>:stateMachine:slipway-main-promote-m';
    expect(grantsOf(`${name}Role`).toSorted()).toEqual(
      [
        ...own(name),
        ...['GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
          (action) => `dynamodb:${action} <stateful/Versions.Arn>`,
        ),
        ...['ConditionCheckItem', 'GetItem', 'PutItem'].map(
          (action) => `dynamodb:${action} <stateful/Routes.Arn>`,
        ),
        ...[
          'Decrypt',
          'DescribeKey',
          'Encrypt',
          'GenerateDataKey',
          'ReEncryptFrom',
          'ReEncryptTo',
        ].map((action) => `kms:${action} ${key}`),
        ...['GetObject', 'GetObjectVersion', 'PutObject'].map(
          (action) => `s3:${action} <stateful/Artifacts.Arn>/uploads/*`,
        ),
        's3:PutObject <stateful/Artifacts.Arn>/artifacts/*',
        's3:ListBucket <stateful/Artifacts.Arn>',
        'lambda:InvokeFunction <delivery/PromoteInspectGraph.Arn>',
        'lambda:InvokeFunction <delivery/PromoteAnnounceChanges.Arn>',
        ...['DeleteItem', 'GetItem', 'PutItem', 'Query', 'UpdateItem'].map(
          (action) => `dynamodb:${action} <stateful/Promotions.Arn>`,
        ),
        'dynamodb:GetItem <stateful/DatasetTable.Arn>',
        'kms:Decrypt <stateful/DatasetsKey.Arn>',
        'dynamodb:Query <stateful/Joins.Arn>/index/byHour',
        ...['SendTaskSuccess', 'StartExecution'].map((action) => `states:${action} ${machine}`),
        `states:StopExecution ${machine.replace(':stateMachine:', ':execution:')}:*`,
      ].toSorted(),
    );
  });
});

test('of promotions, only the steps that put a version into the route check that it still runs', () => {
  const checking = [...grants].flatMap(([role, all]) =>
    all.some(
      ({ action, resource }) =>
        action === 'dynamodb:ConditionCheckItem' && resource === '<stateful/Promotions.Arn>',
    )
      ? [role]
      : [],
  );
  expect(checking.toSorted()).toEqual(['promotions/crownRole', 'promotions/openplaceRole']);
});

/** Facts of promotions, routes and pointers wait in their tables, so that no step depends on the bus. */
test('the bus is told of promotions by a function that reads and forgets what waits, and by no other of them', () => {
  const name = 'delivery/PromoteAnnounceChanges';
  expect(grantsOf(`${name}Role`).toSorted()).toEqual(
    [
      ...own(name),
      ...['DeleteItem', 'Query'].map((action) => `dynamodb:${action} <stateful/Promotions.Arn>`),
      ...[
        'Decrypt',
        'DescribeKey',
        'Encrypt',
        'GenerateDataKey',
        'ReEncryptFrom',
        'ReEncryptTo',
      ].map((action) => `kms:${action} ${key}`),
      'sqs:SendMessage <delivery/DeadLetters.Arn>',
      'events:PutEvents <stateful/Bus.Arn>',
    ].toSorted(),
  );
  const tellers = [...grants]
    .filter(([, all]) => all.some(({ action }) => action === 'events:PutEvents'))
    .map(([role]) => role)
    .filter((role) => /Promote|Machines|DatasetApi/.test(role));
  expect(tellers).toEqual([`${name}Role`]);
});

describe('a model that seals and hashes its log', () => {
  const { features } = aModel();
  const hashed = {
    kind: 'identifier',
    name: 'card',
    description: 'A card.',
    required: false,
  } as const;
  const model = aModel('m', {
    features: [
      ...features.map((each, at) => ({ ...each, log: at === 0 ? 'sealed' : 'plain' }) as const),
      { ...hashed, log: 'hash' },
    ],
  });
  using secretive = synthesize([model]);
  using secretiveOfEntities = synthesize([{ ...model, entityKeys: ['card'] }]);
  const uses = ['ServerRole', 'ShadowRole'].map((role) =>
    secretive
      .of('AWS::IAM::Policy')
      .filter(({ properties }) => textOf(listOf(properties['Roles'])[0]) === `<m/${role}>`)
      .flatMap(({ properties }) => statementsOf(properties['PolicyDocument']))
      .filter(({ Resource }) => /Sealing|Hash/.test(JSON.stringify(Resource)))
      .map(({ Action, Resource, Condition }) => [Action, Resource, Condition]),
  );
  const ofThisModel = {
    StringEquals: {
      'kms:EncryptionContext:purpose': 'prediction-log',
      'kms:EncryptionContext:model': 'm',
    },
  };

  test('has a server that seals and cannot open, and a shadow that opens and cannot seal', () => {
    expect(uses).toEqual([
      [
        ['kms:GenerateDataKey', '<stateful/SealingKey.Arn>', ofThisModel],
        ['kms:GenerateMac', '<stateful/HashKey.Arn>', undefined],
      ],
      [['kms:Decrypt', '<stateful/SealingKey.Arn>', ofThisModel]],
    ]);
  });

  const [hashing, hashingEntities] = [secretive, secretiveOfEntities].map((each) =>
    each.of('AWS::IAM::Policy').flatMap(({ properties }) =>
      statementsOf(properties['PolicyDocument'])
        .filter(({ Action }) => listOf(Action).includes('kms:GenerateMac'))
        .map(({ Resource }) => [textOf(listOf(properties['Roles'])[0]), Resource]),
    ),
  );
  const server = ['<m/ServerRole>', '<stateful/HashKey.Arn>'];

  test('lets nobody hash but its server, and where that is an entity the import of files', () => {
    expect(hashing).toEqual([server]);
    expect(hashingEntities?.toSorted()).toEqual([
      ['<delivery/CurateImportRole>', '<stateful/HashKey.Arn>'],
      server,
    ]);
  });
});
