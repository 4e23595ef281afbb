import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { signedFetch } from '../builders/signed-fetch.ts';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `SNS_TEMPLATE` is deployed. */
export interface SnsTarget extends AwsTarget {
  readonly topicArn: string;
  /** Gets messages as they are published. */
  readonly rawUrl: string;
  /** Gets messages in the envelope of the topic. */
  readonly envelopeUrl: string;
  /** Gets the events of a function that subscribes. */
  readonly toldUrl: string;
}

interface Event {
  readonly Records: readonly { readonly Sns: { readonly MessageId: string } }[];
}

/** What Slipway relies on in SNS, wherever it runs. */
export function snsCases(name: string, connect: () => Promise<SnsTarget>): void {
  describe(`SNS: ${name}`, () => {
    let target: SnsTarget;
    let raw: CasesQueue;
    let envelope: CasesQueue;
    let told: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      raw = new CasesQueue(target, target.rawUrl);
      envelope = new CasesQueue(target, target.envelopeUrl);
      told = new CasesQueue(target, target.toldUrl);
    });
    afterAll(() => [raw, envelope, told].forEach((each) => each.close()));

    const publish = async (Message: string, more: object = {}) => {
      const form = { Action: 'Publish', Version: '2010-03-31', TopicArn: target.topicArn, Message };
      const answer = await signedFetch(target, 'sns', {
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: new URLSearchParams({ ...form, ...more }).toString(),
      });
      return { status: answer.status, text: await answer.text() };
    };
    const member = (text: string, element: string) =>
      new RegExp(`<${element}>(.+)</${element}>`).exec(text)?.[1];

    test('a message reaches every subscription, raw, in an envelope or as an event', async () => {
      const id = randomUUID();
      const Message = JSON.stringify({ id, text: 'a <b> & ü' });
      const { status, text } = await publish(Message, { Subject: 'Alarm' });
      expect(status).toBe(200);
      const MessageId = member(text, 'MessageId');
      expect(MessageId).toMatch(/^[0-9a-f-]{36}$/);
      const notification = {
        Type: 'Notification',
        MessageId,
        TopicArn: target.topicArn,
        Subject: 'Alarm',
        Message,
        Timestamp: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/),
      };
      const isRaw = (body: unknown) => (body as { id: string }).id === id;
      const isWrapped = (body: unknown) => (body as { MessageId: string }).MessageId === MessageId;
      const isEvent = (body: unknown) => (body as Event).Records[0]?.Sns.MessageId === MessageId;
      const [bodies, envelopes, events] = await Promise.all([
        raw.takeUntil((taken) => taken.some(isRaw)),
        envelope.takeUntil((taken) => taken.some(isWrapped)),
        told.takeUntil((taken) => taken.some(isEvent)),
      ]);
      expect(bodies.find(isRaw)).toEqual(JSON.parse(Message));
      expect(envelopes.find(isWrapped)).toMatchObject(notification);
      expect(events.find(isEvent)).toMatchObject({
        Records: [
          {
            EventSource: 'aws:sns',
            EventVersion: '1.0',
            EventSubscriptionArn: expect.stringContaining(`${target.topicArn}:`),
            Sns: { ...notification, MessageAttributes: {} },
          },
        ],
      });
    });

    test.each<[string, string, () => object, string, number]>([
      ['an empty message', '', () => ({}), 'InvalidParameter', 400],
      ['more than 256 KiB', 'x'.repeat(256 * 1024 + 1), () => ({}), 'InvalidParameter', 400],
      ['an empty subject', 'x', () => ({ Subject: '' }), 'InvalidParameter', 400],
      ['a subject of two lines', 'x', () => ({ Subject: 'a\nb' }), 'InvalidParameter', 400],
      ['what is no ARN', 'x', () => ({ TopicArn: 'topic' }), 'InvalidParameter', 400],
      [
        'a topic that is not there',
        'x',
        () => ({ TopicArn: target.topicArn.replace(/[^:]+$/, 'is-not-there') }),
        'NotFound',
        404,
      ],
    ])('refuses %s', async (_, message, more, code, status) => {
      const answer = await publish(message, more());
      expect([answer.status, member(answer.text, 'Code')]).toEqual([status, code]);
    });
  });
}
