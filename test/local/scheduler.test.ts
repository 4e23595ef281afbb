import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type Declaration,
  PLACE,
  role,
  roleArn,
  startAccount,
} from '../builders/emulated-account.ts';
import { until } from '../builders/running-stack.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const FUNCTION_ARN = `arn:aws:lambda:${PLACE.region}:${PLACE.account}:function:due`;
const SCHEDULE_ARN = `arn:aws:scheduler:${PLACE.region}:${PLACE.account}:schedule/default/hourly`;
const DEAD_ARN = `arn:aws:sqs:${PLACE.region}:${PLACE.account}:dead`;
const MAY = role('caller', ['lambda:InvokeFunction', FUNCTION_ARN], ['sqs:SendMessage', DEAD_ARN]);
const FUNCTION: Declaration = ['AWS::Lambda::Function', 'due', { FunctionName: 'due' }];
const schedule = (properties: object = {}, target: object = {}): Declaration => [
  'AWS::Scheduler::Schedule',
  'hourly',
  {
    Name: 'hourly',
    ScheduleExpression: 'rate(1 hour)',
    FlexibleTimeWindow: { Mode: 'OFF' },
    ...properties,
    Target: { Arn: FUNCTION_ARN, RoleArn: roleArn('caller'), ...target },
  },
];
const startAt = (time: string) => new VirtualClock(Date.parse(time));

describe('a schedule', () => {
  test('keeps to its time zone', async () => {
    const clock = startAt('2026-11-27T05:00:00Z');
    const daily = schedule({
      ScheduleExpression: 'cron(0 8 * * ? *)',
      ScheduleExpressionTimezone: 'Europe/Vienna',
    });
    await using account = await startAccount([MAY, FUNCTION, daily], { clock });
    clock.advance(2 * 3_600_000);
    await until(() => account.invoked.length === 1);
    expect(JSON.parse(account.invoked[0]?.[1] ?? '')).toMatchObject({
      source: 'aws.scheduler',
      time: '2026-11-27T07:00:00Z',
      resources: [SCHEDULE_ARN],
    });
  });

  test('makes up for nothing that was due while the runner was stopped', async () => {
    await using folder = await temporaryFolder();
    const clock = startAt('2026-11-27T10:30:00Z');
    {
      await using account = await startAccount([MAY, FUNCTION, schedule()], { clock, ...folder });
      expect(account.invoked).toEqual([]);
    }
    clock.advance(5 * 3_600_000);
    await using account = await startAccount([MAY, FUNCTION, schedule()], { clock, ...folder });
    clock.advance(3_600_000);
    await until(() => account.invoked.length > 0);
    expect(account.invoked.map(([, payload]) => JSON.parse(payload)['time'])).toEqual([
      '2026-11-27T16:00:00Z',
    ]);
  });

  test('without permission leaves a dead letter that names it', async () => {
    const clock = startAt('2026-11-27T10:30:00Z');
    await using account = await startAccount(
      [
        role('caller', ['sqs:SendMessage', DEAD_ARN]),
        FUNCTION,
        ['AWS::SQS::Queue', 'dead', { QueueName: 'dead' }],
        schedule({}, { Input: '{"n":1}', DeadLetterConfig: { Arn: DEAD_ARN } }),
      ],
      { clock },
    );
    clock.advance(3_600_000);
    const dead = account.sqs.queue(DEAD_ARN);
    await until(() => dead.counts().visible === 1);
    expect(await dead.receive()).toMatchObject([
      {
        body: '{"n":1}',
        attributes: {
          ERROR_CODE: { StringValue: 'NO_PERMISSIONS' },
          ERROR_MESSAGE: { StringValue: expect.stringContaining('lambda:InvokeFunction') },
          SCHEDULE_ARN: { StringValue: SCHEDULE_ARN },
        },
      },
    ]);
    expect(account.invoked).toEqual([]);
  });

  test('that is disabled never fires', async () => {
    const clock = startAt('2026-11-27T10:30:00Z');
    const [, , hourly] = schedule();
    await using account = await startAccount(
      [
        MAY,
        FUNCTION,
        schedule({ State: 'DISABLED' }),
        ['AWS::Scheduler::Schedule', 'other', { ...hourly, Name: 'other' }],
      ],
      { clock },
    );
    clock.advance(3_600_000);
    await until(() => account.invoked.length > 0);
    expect(account.invoked.map(([, payload]) => JSON.parse(payload)['resources'])).toEqual([
      [SCHEDULE_ARN.replace('hourly', 'other')],
    ]);
  });

  test.each<[string, object, object, string]>([
    ['a flexible window', { FlexibleTimeWindow: { Mode: 'FLEXIBLE' } }, {}, 'Mode must be OFF'],
    ['an expression of no kind', { ScheduleExpression: 'daily' }, {}, 'daily is no rate'],
    [
      'a universal target',
      {},
      { Arn: 'arn:aws:scheduler:::aws-sdk:s3:putObject' },
      'is not emulated',
    ],
  ])('with %s stops the start', async (_, properties, target, message) => {
    await expect(startAccount([MAY, schedule(properties, target)])).rejects.toThrow(message);
  });
});
