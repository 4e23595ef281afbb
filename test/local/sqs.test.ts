import { afterAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type Declaration,
  type EmulatedAccount,
  KEY,
  KEY_ARN,
  PLACE,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { callJson } from '../builders/signed-fetch.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { sqsCases } from '../cases/sqs.case.ts';

const queue = (
  QueueName: string,
  properties: Readonly<Record<string, unknown>> = {},
): Declaration => ['AWS::SQS::Queue', QueueName, { QueueName, ...properties }];
const arnOf = (name: string) => `arn:aws:sqs:${PLACE.region}:${PLACE.account}:${name}`;
const urlOf = (name: string) => `http://127.0.0.1:1/${PLACE.account}/${name}`;
const worker = role('worker', ['sqs:*']);
const text = (body: string) => ({ body, attributes: {}, senderId: 'test' });

const shared = await startAccount([worker, queue('shared')]);
afterAll(() => shared[Symbol.asyncDispose]());
sqsCases('emulator', async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('worker'),
  queueUrl: urlOf('shared'),
}));

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

function callSqs(account: EmulatedAccount, roleName: string, operation: string, input: object) {
  const { endpoint, region } = account;
  const service = { service: 'sqs', target: `AmazonSQS.${operation}`, version: '1.0' } as const;
  return callJson({ endpoint, region, credentials: account.keysOf(roleName) }, service, input);
}

describe('on the virtual clock', () => {
  test('a message comes back after its visibility timeout, and then the old receipt is void', async () => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([queue('q', { VisibilityTimeout: 60 })], { clock });
    const q = account.sqs.queue(arnOf('q'));
    await q.send(text('x'));
    const [first] = await q.receive();
    clock.advance(30_000);
    expect(await q.receive()).toEqual([]);
    clock.advance(31_000);
    const [second] = await q.receive();
    expect(second).toMatchObject({ id: first?.id, receiveCount: 2 });
    await q.delete(first?.receiptHandle ?? '');
    expect(q.counts().inFlight).toBe(1);
    await q.delete(second?.receiptHandle ?? '');
    expect(q.counts()).toEqual({ visible: 0, inFlight: 0, delayed: 0 });
  });

  test('a delayed message waits, and one past its retention is gone', async () => {
    const clock = new VirtualClock(0);
    const settings = { DelaySeconds: 10, MessageRetentionPeriod: 60 };
    await using account = await startAccount([queue('q', settings)], { clock });
    const q = account.sqs.queue(arnOf('q'));
    await q.send(text('x'));
    expect([await q.receive(), q.counts().delayed]).toEqual([[], 1]);
    clock.advance(11_000);
    expect(await q.receive({ visibilityTimeoutMs: 0 })).toHaveLength(1);
    clock.advance(60_000);
    expect(await q.receive()).toEqual([]);
    expect(q.counts().visible).toBe(0);
  });

  test('a poll that waits wakes when a hidden message comes back', async () => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([queue('q')], { clock });
    const q = account.sqs.queue(arnOf('q'));
    await q.send(text('x'));
    await q.receive();
    const polling = q.receive({ waitMs: 10_000 });
    clock.advance(31_000);
    expect(await polling).toHaveLength(1);
  });
});

describe('dead letters', () => {
  const redrive = { deadLetterTargetArn: arnOf('dead'), maxReceiveCount: 2 };

  test('a message that was received too often moves, with where it failed', async () => {
    await using account = await startAccount([
      queue('dead'),
      queue('q', { VisibilityTimeout: 0, RedrivePolicy: redrive }),
    ]);
    const q = account.sqs.queue(arnOf('q'));
    await q.send(text('poison'));
    for (const count of [1, 2]) expect(await q.receive()).toMatchObject([{ receiveCount: count }]);
    expect(await q.receive()).toEqual([]);
    expect(await account.sqs.queue(arnOf('dead')).receive()).toMatchObject([
      { body: 'poison', deadLetterSourceArn: arnOf('q') },
    ]);
  });

  test('a queue of theirs that is not there stops the start', async () => {
    await expect(startAccount([queue('q', { RedrivePolicy: redrive })])).rejects.toThrow(
      'The queue q redrives to',
    );
  });

  test('are put for a function under the permissions of its role', async () => {
    await using account = await startAccount([worker, queue('dead')]);
    const content = { body: 'failed', sender: 'lambda' };
    await account.sqs.deliver(arnOf('dead'), content, () => {});
    expect(await account.sqs.queue(arnOf('dead')).receive()).toMatchObject([
      { body: 'failed', senderId: 'lambda' },
    ]);
    const refuse = (action: string) => {
      throw new Error(`refused: ${action}`);
    };
    await expect(account.sqs.deliver(arnOf('dead'), content, refuse)).rejects.toThrow(
      'refused: sqs:SendMessage',
    );
  });
});

describe('permissions', () => {
  test('a missing one answers 403 and names principal, action and queue', async () => {
    await using account = await startAccount([role('reader', ['sqs:ReceiveMessage']), queue('q')]);
    const input = { QueueUrl: urlOf('q'), MessageBody: 'x' };
    const { status, json } = await callSqs(account, 'reader', 'SendMessage', input);
    expect(status).toBe(403);
    expect(json['message']).toContain(
      `assumed-role/reader/test is not authorized to perform: sqs:SendMessage on resource: ${arnOf('q')}`,
    );
  });

  test('a queue under a key needs its use', async () => {
    const sealed = queue('q', { KmsMasterKeyId: KEY_ARN });
    await using account = await startAccount([
      worker,
      role('opener', ['sqs:*'], ['kms:*']),
      KEY,
      sealed,
    ]);
    const input = { QueueUrl: urlOf('q'), MessageBody: 'x' };
    expect((await callSqs(account, 'opener', 'SendMessage', input)).status).toBe(200);
    const { json } = await callSqs(account, 'worker', 'SendMessage', input);
    expect(json['message']).toContain(`kms:GenerateDataKey on resource: ${KEY_ARN}`);
  });
});

test('messages and their receive counts outlive a restart', async () => {
  await using folder = await temporaryFolder();
  const clock = new VirtualClock(0);
  {
    await using account = await startAccount([queue('q')], { clock, ...folder });
    await account.sqs.queue(arnOf('q')).send(text('first'));
    await account.sqs.queue(arnOf('q')).send(text('second'));
    await account.sqs.queue(arnOf('q')).receive({ visibilityTimeoutMs: 1000 });
  }
  clock.advance(2000);
  await using account = await startAccount([queue('q')], { clock, ...folder });
  await account.sqs.queue(arnOf('q')).send(text('third'));
  expect(await account.sqs.queue(arnOf('q')).receive({ maxMessages: 10 })).toMatchObject([
    { body: 'first', receiveCount: 2 },
    { body: 'second', receiveCount: 1 },
    { body: 'third', receiveCount: 1 },
  ]);
});

test('older clients hear the code they know', async () => {
  const input = { QueueUrl: urlOf('absent'), MessageBody: 'x' };
  const { headers } = await callSqs(shared, 'worker', 'SendMessage', input);
  expect(headers.get('x-amzn-query-error')).toBe('AWS.SimpleQueueService.NonExistentQueue;Sender');
});

test('a FIFO queue stops the start', async () => {
  await expect(startAccount([queue('q.fifo', { FifoQueue: true })])).rejects.toThrow(
    'Test/q.fifo: FIFO queues are not emulated',
  );
});

test('an operation that nothing uses answers 501 and names itself', async () => {
  expect(await callSqs(shared, 'worker', 'PurgeQueue', {})).toMatchObject({
    status: 501,
    json: { message: expect.stringContaining('AmazonSQS.PurgeQueue is not emulated') },
  });
});
