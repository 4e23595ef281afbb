import { createHash } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { callJson } from '../builders/signed-fetch.ts';
import type { AwsTarget } from './target.ts';

export interface SqsTarget extends AwsTarget {
  /** A standard queue with nothing in it and a visibility timeout of 30 s. */
  readonly queueUrl: string;
}

interface Received {
  readonly MessageId: string;
  readonly ReceiptHandle: string;
  readonly Body: string;
  readonly Attributes?: Record<string, string>;
  readonly MessageAttributes?: object;
}

const md5 = (text: string) => createHash('md5').update(text).digest('hex');

/** What Slipway relies on in SQS, wherever it runs. */
export function sqsCases(name: string, connect: () => Promise<SqsTarget>): void {
  describe(`SQS: ${name}`, () => {
    let target: SqsTarget;

    beforeAll(async () => {
      target = await connect();
    });

    const call = async (operation: string, input: object) => {
      const service = { service: 'sqs', target: `AmazonSQS.${operation}`, version: '1.0' } as const;
      const { status, headers, json } = await callJson(target, service, {
        QueueUrl: target.queueUrl,
        ...input,
      });
      return { status, headers, ...json } as { status: number; headers: Headers } & Record<
        string,
        unknown
      >;
    };
    const send = (MessageBody: string, more: object = {}) =>
      call('SendMessage', { MessageBody, ...more });
    const receive = async (more: object = {}) =>
      ((await call('ReceiveMessage', { WaitTimeSeconds: 1, ...more }))['Messages'] ??
        []) as Received[];
    const remove = (message: Received | undefined) =>
      call('DeleteMessage', { ReceiptHandle: message?.ReceiptHandle });
    /** Receives until there is nothing more, and deletes what came. */
    const drain = async () => {
      const bodies: string[] = [];
      for (;;) {
        const messages = await receive({ MaxNumberOfMessages: 10, WaitTimeSeconds: 0 });
        if (messages.length === 0) return bodies;
        bodies.push(...messages.map(({ Body }) => Body));
        await Promise.all(messages.map(remove));
      }
    };

    test('hands a message out once and forgets it when it is deleted', async () => {
      const sent = await send('hello', {
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'greeting' } },
      });
      expect(sent).toMatchObject({ status: 200, MD5OfMessageBody: md5('hello') });
      const [message, ...more] = await receive({
        AttributeNames: ['All'],
        MessageAttributeNames: ['All'],
      });
      expect(more).toEqual([]);
      expect(message).toMatchObject({
        MessageId: sent['MessageId'],
        Body: 'hello',
        MD5OfBody: md5('hello'),
        Attributes: { ApproximateReceiveCount: '1' },
        MessageAttributes: { kind: { DataType: 'String', StringValue: 'greeting' } },
      });
      expect(await receive({ WaitTimeSeconds: 0 })).toEqual([]);
      expect(await remove(message)).toMatchObject({ status: 200 });
      expect(await drain()).toEqual([]);
    });

    test('hands a message out again when it was made visible at once', async () => {
      await send('again');
      const [first] = await receive({ VisibilityTimeout: 0 });
      const [second] = await receive({ AttributeNames: ['ApproximateReceiveCount'] });
      expect(second).toMatchObject({
        MessageId: first?.MessageId,
        Attributes: { ApproximateReceiveCount: '2' },
      });
      expect(second?.ReceiptHandle).not.toBe(first?.ReceiptHandle);
      await remove(second);
      expect(await drain()).toEqual([]);
    });

    test('takes batches of ten and counts what waits', async () => {
      const bodies = Array.from({ length: 10 }, (_, index) => `message ${index}`);
      const Entries = bodies.map((MessageBody, index) => ({ Id: `id-${index}`, MessageBody }));
      const { Successful } = await call('SendMessageBatch', { Entries });
      expect(Successful).toHaveLength(10);
      await expect
        .poll(
          async () => (await call('GetQueueAttributes', { AttributeNames: ['All'] }))['Attributes'],
        )
        .toMatchObject({
          ApproximateNumberOfMessages: '10',
          ApproximateNumberOfMessagesNotVisible: '0',
        });
      expect(new Set(await drain())).toEqual(new Set(bodies));
    });

    test('a poll that waits gets what arrives meanwhile', async () => {
      const polling = receive({ WaitTimeSeconds: 10 });
      await send('late');
      const [message] = await polling;
      expect(message?.Body).toBe('late');
      await remove(message);
    });

    test.each<[string, string, object, string]>([
      [
        'a queue that is not there',
        'SendMessage',
        { QueueUrl: 'http://sqs/1/is-not-there', MessageBody: 'x' },
        'QueueDoesNotExist',
      ],
      ['an empty body', 'SendMessage', { MessageBody: '' }, ''],
      [
        'characters that XML has no place for',
        'SendMessage',
        { MessageBody: '\u0000' },
        'InvalidMessageContents',
      ],
      [
        'more than 1 MiB',
        'SendMessage',
        { MessageBody: 'x'.repeat(1024 ** 2 + 1) },
        'InvalidParameterValue',
      ],
      ['an empty batch', 'SendMessageBatch', { Entries: [] }, 'EmptyBatchRequest'],
      [
        'a batch with one id twice',
        'SendMessageBatch',
        {
          Entries: [
            { Id: 'a', MessageBody: 'x' },
            { Id: 'a', MessageBody: 'y' },
          ],
        },
        'BatchEntryIdsNotDistinct',
      ],
      [
        'a batch of eleven',
        'SendMessageBatch',
        { Entries: Array.from({ length: 11 }, (_, id) => ({ Id: `i${id}`, MessageBody: 'x' })) },
        'TooManyEntriesInBatchRequest',
      ],
      [
        'a receipt handle of nowhere',
        'DeleteMessage',
        { ReceiptHandle: 'nowhere' },
        'ReceiptHandleIsInvalid',
      ],
      ['eleven messages at once', 'ReceiveMessage', { MaxNumberOfMessages: 11 }, ''],
    ])('refuses %s', async (_, operation, input, code) => {
      expect(await call(operation, input)).toMatchObject({
        status: 400,
        __type: expect.stringContaining(code),
      });
    });
  });
}
