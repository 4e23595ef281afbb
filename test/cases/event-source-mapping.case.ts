import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `EVENT_SOURCE_MAPPING_TEMPLATE` is deployed. */
export interface EventSourceMappingTarget extends AwsTarget {
  /** Its messages reach the function, which does with each what its `plan` says. */
  readonly queueUrl: string;
  readonly queueArn: string;
  /** Gets what three deliveries have not confirmed. */
  readonly deadLettersUrl: string;
  /** Gets the records of the messages that the function has confirmed. */
  readonly toldUrl: string;
}

interface Told {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: Readonly<Record<string, string>>;
}

/** What Slipway relies on where Lambda takes the messages of a queue, wherever it runs. */
export function eventSourceMappingCases(
  name: string,
  connect: () => Promise<EventSourceMappingTarget>,
): void {
  describe(`event source mapping: ${name}`, () => {
    let target: EventSourceMappingTarget;
    let work: CasesQueue;
    let dead: CasesQueue;
    let told: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      work = new CasesQueue(target, target.queueUrl);
      dead = new CasesQueue(target, target.deadLettersUrl);
      told = new CasesQueue(target, target.toldUrl);
    });
    afterAll(() => [work, dead, told].forEach((each) => each.close()));

    const message = (plan: string) => ({ id: randomUUID(), plan });
    const isOf =
      (id: string) =>
      (record: unknown): boolean =>
        JSON.parse((record as Told).body).id === id;
    /** The records of a message that the function has confirmed. */
    const confirmed = async (id: string) => {
      const taken = await told.takeUntil((all) => all.some(isOf(id)));
      return (taken as Told[]).filter(isOf(id));
    };

    test('hands messages to the function as records, and deletes what it has confirmed', async () => {
      const messages = [message('confirm'), message('confirm'), message('say nothing')];
      await work.send(...messages);
      const all = await told.takeUntil((taken) => messages.every(({ id }) => taken.some(isOf(id))));
      for (const each of messages)
        expect(all.find(isOf(each.id))).toMatchObject({
          messageId: expect.stringMatching(/^[0-9a-f-]{36}$/),
          receiptHandle: expect.any(String),
          body: JSON.stringify(each),
          attributes: {
            ApproximateReceiveCount: expect.stringMatching(/^\d+$/),
            SentTimestamp: expect.stringMatching(/^\d{13}$/),
            SenderId: expect.any(String),
            ApproximateFirstReceiveTimestamp: expect.stringMatching(/^\d{13}$/),
          },
          messageAttributes: {},
          md5OfBody: expect.stringMatching(/^[0-9a-f]{32}$/),
          eventSource: 'aws:sqs',
          eventSourceARN: target.queueArn,
          awsRegion: target.region,
        });
      await work.isEmptied();
    });

    test.each([
      ['is named as failed', 'report'],
      ['is in a batch whose function throws', 'throw'],
      ['is in a batch whose failures have a misnamed key', 'misname'],
    ])('a message that %s comes again until it is confirmed', async (_, plan) => {
      const failing = message(plan);
      await work.send(failing);
      const [record] = await confirmed(failing.id);
      expect(Number(record?.attributes['ApproximateReceiveCount'])).toBeGreaterThan(1);
      await work.isEmptied();
    });

    test('a message that is never confirmed ends among the dead letters, and its neighbour is confirmed', async () => {
      const poison = message('poison');
      const neighbour = message('confirm');
      await work.send(poison, neighbour);
      expect(await confirmed(neighbour.id)).not.toEqual([]);
      const isPoison = (buried: unknown) => (buried as typeof poison).id === poison.id;
      const buried = await dead.takeUntil((taken) => taken.some(isPoison));
      expect(buried).toContainEqual(poison);
      await work.isEmptied();
    });
  });
}
