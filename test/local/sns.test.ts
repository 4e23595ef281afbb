import { expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { type Declaration, PLACE, startAccount } from '../builders/emulated-account.ts';
import { until } from '../builders/running-stack.ts';

const arn = (service: string, name: string) =>
  `arn:aws:${service}:${PLACE.region}:${PLACE.account}:${name}`;
const TOPIC_ARN = arn('sns', 'alerts');
const TOPIC: Declaration = ['AWS::SNS::Topic', 'Topic', { TopicName: 'alerts' }];
const subscription = (Protocol: string, Endpoint: string, more: object = {}): Declaration => [
  'AWS::SNS::Subscription',
  `By${Protocol}`,
  { TopicArn: TOPIC_ARN, Protocol, Endpoint, ...more },
];
const RECEIVERS: readonly Declaration[] = [
  ['AWS::SQS::Queue', 'q', { QueueName: 'q' }],
  [
    'AWS::SQS::QueuePolicy',
    'p',
    {
      Queues: [`http://127.0.0.1:1/${PLACE.account}/q`],
      PolicyDocument: {
        Statement: {
          Effect: 'Allow',
          Principal: { Service: 'sns.amazonaws.com' },
          Action: 'sqs:SendMessage',
          Resource: arn('sqs', 'q'),
          Condition: { ArnEquals: { 'aws:SourceArn': TOPIC_ARN } },
        },
      },
    },
  ],
];

test('an alarm publishes to a topic without a policy, as its default policy allows', async () => {
  const clock = new VirtualClock(1_800_000_000_000 + 1);
  await using account = await startAccount(
    [
      TOPIC,
      ...RECEIVERS,
      subscription('sqs', arn('sqs', 'q')),
      [
        'AWS::CloudWatch::Alarm',
        'a',
        {
          AlarmName: 'a',
          Namespace: 'N',
          MetricName: 'M',
          Statistic: 'Sum',
          Period: 60,
          EvaluationPeriods: 1,
          Threshold: 1,
          ComparisonOperator: 'LessThanThreshold',
          TreatMissingData: 'breaching',
          AlarmActions: [TOPIC_ARN],
        },
      ],
    ],
    { clock },
  );
  clock.advance(60_000);
  const q = account.sqs.queue(arn('sqs', 'q'));
  await until(() => q.counts().visible === 1);
  const [{ body } = { body: '' }] = await q.receive();
  const { Type, TopicArn, Message } = JSON.parse(body);
  expect([Type, TopicArn]).toEqual(['Notification', TOPIC_ARN]);
  expect(JSON.parse(Message)).toMatchObject({
    AlarmName: 'a',
    NewStateValue: 'ALARM',
    OldStateValue: 'INSUFFICIENT_DATA',
  });
});

test('a subscription by mail is told to reach nobody', async () => {
  await using account = await startAccount([TOPIC, subscription('email', 'a@b.c')]);
  expect(account.faults.map(String)).toEqual([
    'Error: Test/Byemail: subscriptions by email reach nobody on this machine',
  ]);
});
