import type { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { describe, expect, test, vi } from 'vitest';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import type { Instant } from '../../functions/contracts/instant.ts';
import { EventPublisher } from '../../functions/runtime/event-publisher.ts';

const at = '2026-11-23T18:30:00.000Z' as Instant;
const fact = (epoch: number): BusEvent => ({
  type: 'PointerMoved',
  detail: { at, model: 'm', epoch },
});

/** A bus that refuses an event as often as it is told. */
function busRefusing(refusals: Map<number, number>) {
  const taken: number[] = [];
  const send = vi.fn<(command: PutEventsCommand) => Promise<object>>(
    async ({ input: { Entries = [] } }: PutEventsCommand) => {
      return {
        Entries: Entries.map(({ Detail }) => {
          const { epoch } = JSON.parse(Detail ?? '') as { epoch: number };
          const left = refusals.get(epoch) ?? 0;
          refusals.set(epoch, left - 1);
          if (left > 0) return { ErrorCode: 'ThrottlingException', ErrorMessage: 'slow down' };
          taken.push(epoch);
          return { EventId: String(epoch) };
        }),
      };
    },
  );
  return {
    publisher: new EventPublisher({ send } as unknown as EventBridgeClient, 'bus'),
    taken,
    send,
  };
}

describe('publishing', () => {
  test('puts every event once, ten a call', async () => {
    const { publisher, taken, send } = busRefusing(new Map());
    await publisher.publish(Array.from({ length: 23 }, (_, epoch) => fact(epoch)));
    expect(taken).toEqual(Array.from({ length: 23 }, (_, epoch) => epoch));
    expect(send).toHaveBeenCalledTimes(3);
  });

  test('puts only the refused ones again', async () => {
    const { publisher, taken } = busRefusing(new Map([[1, 2]]));
    await publisher.publish([fact(0), fact(1), fact(2)]);
    expect(taken).toEqual([0, 2, 1]);
  });

  test('fails when one stays refused, with the reason', async () => {
    const { publisher } = busRefusing(new Map([[1, 99]]));
    await expect(publisher.publish([fact(0), fact(1)])).rejects.toThrow(
      /did not take 1 of 2 events: ThrottlingException: slow down/,
    );
  });
});
