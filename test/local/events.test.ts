import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { compileEventPattern } from '../../infra/local/emulators/event-pattern.ts';
import { parseSchedule } from '../../infra/local/emulators/schedule-expression.ts';
import { compileTargetInput } from '../../infra/local/emulators/target-input.ts';
import {
  type Declaration,
  type EmulatedAccount,
  PLACE,
  role,
  roleArn,
  startAccount,
} from '../builders/emulated-account.ts';
import { until } from '../builders/running-stack.ts';
import { callJson } from '../builders/signed-fetch.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const arn = (service: string, rest: string) =>
  `arn:aws:${service}:${PLACE.region}:${PLACE.account}:${rest}`;
const BUS_ARN = arn('events', 'event-bus/facts');
const QUEUE_ARN = arn('sqs', 'q');
const BUS: Declaration = ['AWS::Events::EventBus', 'Bus', { Name: 'facts' }];
const rule = (Name: string, properties: object): Declaration => [
  'AWS::Events::Rule',
  Name,
  { Name, EventBusName: 'facts', ...properties },
];
const queue = (QueueName: string, ruleName: string): readonly Declaration[] => [
  ['AWS::SQS::Queue', QueueName, { QueueName }],
  [
    'AWS::SQS::QueuePolicy',
    `${QueueName}Policy`,
    {
      Queues: [`http://127.0.0.1:1/${PLACE.account}/${QueueName}`],
      PolicyDocument: {
        Statement: {
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'sqs:SendMessage',
          Resource: arn('sqs', QueueName),
          Condition: { ArnEquals: { 'aws:SourceArn': arn('events', `rule/facts/${ruleName}`) } },
        },
      },
    },
  ],
];
const PUBLISHER = role('publisher', ['events:PutEvents', BUS_ARN]);

async function put(account: EmulatedAccount, detail: object, more: object = {}) {
  const target = { ...account, credentials: account.keysOf('publisher') };
  const service = { service: 'events', target: 'AWSEvents.PutEvents', version: '1.1' } as const;
  const Entries = [
    {
      Source: 'slipway',
      DetailType: 'PointerMoved',
      Detail: JSON.stringify(detail),
      EventBusName: 'facts',
      ...more,
    },
  ];
  return callJson(target, service, { Entries });
}
describe('a pattern', () => {
  const event = {
    source: 'slipway',
    detail: { model: 'card-fraud', epoch: 3, tags: ['a', 'b'], route: { stage: 'AB' } },
  };
  test.each<[object, boolean]>([
    [{ source: ['slipway'] }, true],
    [{ source: ['other', 'slipway'], detail: { epoch: [3] } }, true],
    [{ source: ['slipway'], detail: { epoch: [4] } }, false],
    [{ detail: { model: [{ prefix: 'card' }] } }, true],
    [{ detail: { model: [{ suffix: 'card' }] } }, false],
    [{ detail: { route: { stage: [{ 'equals-ignore-case': 'ab' }] } } }, true],
    [{ detail: { model: [{ 'anything-but': ['card-fraud', 'x'] }] } }, false],
    [{ detail: { model: [{ 'anything-but': { prefix: 'x' } }] } }, true],
    [{ detail: { absent: [{ 'anything-but': 'x' }] } }, false],
    [{ detail: { epoch: [{ numeric: ['>', 1, '<=', 3] }] } }, true],
    [{ detail: { epoch: [{ numeric: ['>', 3] }] } }, false],
    [{ detail: { tags: ['b'] } }, true],
    [{ detail: { absent: [{ exists: false }] } }, true],
    [{ detail: { model: [{ exists: false }] } }, false],
    [{ $or: [{ source: ['x'] }, { detail: { epoch: [3] } }] }, true],
  ])('%j: %j', (pattern, expected) => {
    expect(compileEventPattern(pattern)(event)).toBe(expected);
  });
  test.each([
    [{ source: 'slipway' }, '$.source of an event pattern must be an object'],
    [{ source: [{ cidr: '10.0.0.0/8' }] }, 'the operator {"cidr":"10.0.0.0/8"} is not emulated'],
    [{}, '$ of an event pattern is empty'],
  ])('%j is refused', (pattern, message) => {
    expect(() => compileEventPattern(pattern)).toThrow(message);
  });
});

describe('what a target gets', () => {
  const event = { source: 's', detail: { model: 'm', n: 2, text: 'say "hi"' } };
  const context = { ruleArn: 'arn:rule', ruleName: 'rule', ingestionTime: 'now' };
  test.each<[string, object, string]>([
    ['is the whole event', {}, JSON.stringify(event)],
    ['is a constant', { Input: '{"a":1}' }, '{"a":1}'],
    ['is a part', { InputPath: '$.detail.n' }, '2'],
    [
      'is made by a template, quoted as text and bare as JSON',
      {
        InputTransformer: {
          InputPathsMap: { m: '$.detail.model', n: '$.detail.n', t: '$.detail.text' },
          InputTemplate: '{"what": "<m> <t>", "n": <n>, "rule": <aws.events.rule-name>}',
        },
      },
      '{"what": "m say \\"hi\\"", "n": 2, "rule": "rule"}',
    ],
  ])('%s', (_, target, expected) => {
    expect(compileTargetInput({ ...target })(event, context)).toBe(expected);
  });
});

describe('a schedule', () => {
  const next = (expression: string, from: string, zone = 'UTC') => {
    const atMs = parseSchedule(expression, zone).nextAfter(Date.parse(from));
    return atMs === undefined ? undefined : new Date(atMs).toISOString().slice(0, 16);
  };
  test.each<[string, string, string, string | undefined]>([
    ['rate(5 minutes)', '2026-11-27T10:02:00Z', 'UTC', '2026-11-27T10:05'],
    ['rate(1 day)', '2026-11-27T10:02:00Z', 'UTC', '2026-11-28T00:00'],
    ['cron(0 8 ? * MON-FRI *)', '2026-11-27T08:00:00Z', 'UTC', '2026-11-30T08:00'],
    ['cron(0 8 ? * 2 *)', '2026-11-27T08:00:00Z', 'UTC', '2026-11-30T08:00'],
    ['cron(0/15 * * * ? *)', '2026-11-27T10:16:00Z', 'UTC', '2026-11-27T10:30'],
    ['cron(0 9 L * ? *)', '2026-11-27T10:16:00Z', 'UTC', '2026-11-30T09:00'],
    ['cron(0 0 1 1 ? 2026)', '2026-11-27T10:16:00Z', 'UTC', undefined],
    ['cron(30 2 * * ? *)', '2026-03-28T03:00:00Z', 'Europe/Vienna', '2026-03-30T00:30'],
    ['at(2026-11-28T08:00:00)', '2026-11-27T10:16:00Z', 'Europe/Vienna', '2026-11-28T07:00'],
    ['at(2026-11-26T08:00:00)', '2026-11-27T10:16:00Z', 'UTC', undefined],
  ])('%s after %s in %s', (expression, from, zone, expected) => {
    expect(next(expression, from, zone)).toBe(expected);
  });
  test.each([
    'every hour',
    'cron(0 8 * * * *)',
    'cron(0 8 ? * ? *)',
    'cron(61 8 * * ? *)',
    'rate(0 minutes)',
  ])('%s is refused', (expression) => {
    expect(() => parseSchedule(expression, 'UTC')).toThrow(TypeError);
  });

  test('of a rule fires on the virtual clock, for each time that a jump passes over', async () => {
    const clock = new VirtualClock(Date.parse('2026-11-27T10:00:00Z'));
    await using account = await startAccount(
      [
        [
          'AWS::Events::Rule',
          'tick',
          {
            Name: 'tick',
            ScheduleExpression: 'rate(1 hour)',
            Targets: [{ Arn: arn('lambda', 'function:f'), Id: 'f' }],
          },
        ],
        ['AWS::Lambda::Function', 'f', { FunctionName: 'f' }],
        [
          'AWS::Lambda::Permission',
          'may',
          {
            Action: 'lambda:InvokeFunction',
            FunctionName: 'f',
            Principal: 'events.amazonaws.com',
            SourceArn: arn('events', 'rule/tick'),
          },
        ],
      ],
      { clock },
    );
    clock.advance(2 * 3_600_000);
    await until(() => account.invoked.length === 2);
    expect(account.invoked.map(([, payload]) => JSON.parse(payload))).toMatchObject(
      ['11', '12'].map((hour) => ({
        'detail-type': 'Scheduled Event',
        time: `2026-11-27T${hour}:00:00Z`,
        resources: [arn('events', 'rule/tick')],
      })),
    );
  });
});

describe('targets', () => {
  test('that are state machines are started in the role of the rule, once an event', async () => {
    const machine = arn('states', 'stateMachine:promote');
    await using account = await startAccount([
      PUBLISHER,
      BUS,
      role('starter', ['states:StartExecution', machine]),
      rule('r', {
        EventPattern: { source: ['slipway'] },
        Targets: [{ Arn: machine, Id: 'm', RoleArn: roleArn('starter'), InputPath: '$.detail' }],
      }),
    ]);
    const { json } = await put(account, { model: 'm' });
    await until(() => account.started.length === 1);
    const [{ EventId }] = json['Entries'] as [{ EventId: string }];
    expect(account.started).toEqual([[machine, '{"model":"m"}', EventId]]);
  });

  test('that may not be reached become dead letters that say why', async () => {
    await using account = await startAccount([
      PUBLISHER,
      BUS,
      ['AWS::SQS::Queue', 'q', { QueueName: 'q' }],
      ...queue('dead', 'r'),
      rule('r', {
        EventPattern: { source: ['slipway'] },
        Targets: [{ Arn: QUEUE_ARN, Id: 'q', DeadLetterConfig: { Arn: arn('sqs', 'dead') } }],
      }),
    ]);
    await put(account, { model: 'm' });
    const dead = account.sqs.queue(arn('sqs', 'dead'));
    await until(() => dead.counts().visible === 1);
    const [letter] = await dead.receive();
    expect(letter?.attributes).toMatchObject({
      ERROR_CODE: { StringValue: 'NO_PERMISSIONS' },
      RULE_ARN: { StringValue: arn('events', 'rule/facts/r') },
      TARGET_ARN: { StringValue: QUEUE_ARN },
    });
    expect(JSON.parse(letter?.body ?? '')).toMatchObject({ detail: { model: 'm' } });
    expect(account.faults).toMatchObject([{ code: 'AccessDeniedException' }]);
  });
});

test('a publisher without permission is told which bus it may not use', async () => {
  await using account = await startAccount([role('publisher', ['sqs:*']), BUS]);
  const { status, json } = await put(account, {});
  expect(status).toBe(403);
  expect(json['message']).toContain(`events:PutEvents on resource: ${BUS_ARN}`);
});

test('what was put is in the archive and delivered after a restart', async () => {
  await using folder = await temporaryFolder();
  const declarations = [
    PUBLISHER,
    BUS,
    ['AWS::Events::Archive', 'A', { ArchiveName: 'all', SourceArn: BUS_ARN }],
    rule('r', {
      EventPattern: { source: ['slipway'] },
      Targets: [{ Arn: arn('sqs', 'late'), Id: 'q', RetryPolicy: { MaximumRetryAttempts: 0 } }],
    }),
    ...queue('late', 'r'),
  ] satisfies Declaration[];
  {
    await using account = await startAccount(declarations, { ...folder });
    for (const n of [1, 2]) await put(account, { n });
  }
  await using account = await startAccount(declarations, { ...folder });
  const archived: unknown[] = [];
  for await (const { detail } of account.events.archived('all')) archived.push(detail);
  expect(archived).toEqual([{ n: 1 }, { n: 2 }]);
  const late = account.sqs.queue(arn('sqs', 'late'));
  await until(() => late.counts().visible === 2);
});
