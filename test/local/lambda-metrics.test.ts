import { expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { measureInvocation } from '../../infra/local/emulators/lambda-metrics.ts';
import { MetricStore } from '../../infra/local/emulators/metrics.ts';
import { ServiceMetrics } from '../../infra/local/emulators/service-metrics.ts';
import { startAccount } from '../builders/emulated-account.ts';

const answered = { kind: 'answered', payload: '{}' } as const;
const failed = { kind: 'failed', failure: { errorType: 'E', errorMessage: 'm' } } as const;

test.each([
  ['an answer', async () => answered, { Invocations: 1, Errors: 0, Throttles: 0 }],
  ['a failure', async () => failed, { Invocations: 1, Errors: 1, Throttles: 0 }],
])('%s counts as an invocation', async (_, invoke, expected) => {
  const measured: unknown[] = [];
  await measureInvocation(invoke, (each) => measured.push(each));
  expect(measured).toMatchObject([expected]);
});

test('what is throttled counts as a throttle and as no invocation', async () => {
  const measured: unknown[] = [];
  const throttle = async () => {
    throw new ServiceError(429, 'TooManyRequestsException', 'Rate Exceeded.');
  };
  await expect(measureInvocation(throttle, (each) => measured.push(each))).rejects.toThrow('Rate');
  expect(measured).toEqual([{ Throttles: 1 }]);
});

test('queues publish their length and the age of their oldest message for the minute that is over', async () => {
  const clock = new VirtualClock(0);
  await using account = await startAccount([['AWS::SQS::Queue', 'q', { QueueName: 'q' }]], {
    clock,
  });
  const [queue] = account.sqs.all();
  const sent = await queue?.send({ body: 'x', attributes: {}, senderId: 'test' });
  const metrics = new MetricStore();
  const published = new ServiceMetrics(metrics, clock);
  published.queues(account.sqs.all(), 120_000);
  published.queues(account.sqs.all(), 130_000);
  const of = (name: string) => metrics.statistics('AWS/SQS', name, { QueueName: 'q' });
  expect(of('ApproximateNumberOfMessagesVisible')).toMatchObject({ count: 1, sum: 1 });
  const ageSeconds = 120 - (sent?.sentAtMs ?? 0) / 1000;
  expect(of('ApproximateAgeOfOldestMessage').maximum).toBeCloseTo(ageSeconds, 6);
});
