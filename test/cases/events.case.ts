import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `EVENTS_TEMPLATE` is deployed. */
export interface EventsTarget extends AwsTarget {
  /** A bus with a rule for the source `slipway.cases`. */
  readonly busName: string;
  /** The target of the rule. */
  readonly queueUrl: string;
}

/** What Slipway relies on in EventBridge, wherever it runs. */
export function eventsCases(name: string, connect: () => Promise<EventsTarget>): void {
  describe(`EventBridge: ${name}`, () => {
    let target: EventsTarget;
    let client: EventBridgeClient;
    let matched: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      client = new EventBridgeClient(target);
      matched = new CasesQueue(target, target.queueUrl);
    });
    afterAll(() => {
      client.destroy();
      matched.close();
    });

    const entry = (more: object = {}) => ({
      Source: 'slipway.cases',
      DetailType: 'PointerMoved',
      Detail: '{"model":"m"}',
      EventBusName: target.busName,
      ...more,
    });
    const put = (...Entries: object[]) => client.send(new PutEventsCommand({ Entries }));

    test('hands an event in its envelope to the targets of the rules that match', async () => {
      const { FailedEntryCount, Entries = [] } = await put(
        entry({ Time: new Date('2026-11-27T10:00:00Z'), Resources: ['arn:aws:x'] }),
        entry({ Source: 'slipway.other' }),
      );
      expect(FailedEntryCount).toBe(0);
      const [first, other] = Entries.map(({ EventId }) => EventId);
      const isOf = (id: string | undefined) => (event: unknown) =>
        (event as { id: string }).id === id;
      const received = await matched.takeUntil((all) => all.some(isOf(first)));
      expect(received.some(isOf(other))).toBe(false);
      expect(received.find(isOf(first))).toEqual({
        version: '0',
        id: first,
        'detail-type': 'PointerMoved',
        source: 'slipway.cases',
        account: expect.stringMatching(/^\d{12}$/),
        time: '2026-11-27T10:00:00Z',
        region: target.region,
        resources: ['arn:aws:x'],
        detail: { model: 'm' },
      });
    });

    test.each<[string, object, string]>([
      ['a detail that is no JSON', { Detail: 'nope' }, 'MalformedDetail'],
      ['a detail that is no object', { Detail: '[1]' }, 'MalformedDetail'],
      ['an entry without a source', { Source: undefined }, 'InvalidArgument'],
      ['the source of a service', { Source: 'aws.s3' }, 'NotAuthorizedForSourceException'],
    ])('refuses %s and takes its neighbour', async (_, more, code) => {
      const { FailedEntryCount, Entries } = await put(
        entry(more),
        entry({ Source: 'slipway.neighbour' }),
      );
      expect(FailedEntryCount).toBe(1);
      expect(Entries).toMatchObject([{ ErrorCode: code }, { EventId: expect.any(String) }]);
    });

    test('takes ten entries and a megabyte, and no more', async () => {
      const eleven = Array.from({ length: 11 }, () => entry());
      await expect(put(...eleven)).rejects.toMatchObject({ name: 'ValidationException' });
      const large = entry({ Detail: JSON.stringify({ x: 'x'.repeat(1024 * 1024) }) });
      await expect(put(large)).rejects.toMatchObject({ name: 'ValidationException' });
    });
  });
}
