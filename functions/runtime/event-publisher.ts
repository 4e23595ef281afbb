import {
  type EventBridgeClient,
  PutEventsCommand,
  type PutEventsRequestEntry,
} from '@aws-sdk/client-eventbridge';
import { type BusEvent, EVENT_SOURCE } from '../contracts/event-bus.ts';
import { LIMITS } from '../contracts/limits.ts';

/** Puts facts on the bus. At least once: what acts on them is idempotent. */
export class EventPublisher {
  readonly #client: EventBridgeClient;
  readonly #bus: string;

  constructor(client: EventBridgeClient, bus: string) {
    this.#client = client;
    this.#bus = bus;
  }

  /**
   * Entries that EventBridge does not take are put again at once: the SDK has waited already where it was
   * throttled as a whole.
   * @throws when any event stays refused; whoever called repeats the whole.
   */
  async publish(events: readonly BusEvent[]): Promise<void> {
    for (let at = 0; at < events.length; at += LIMITS.eventsPerPut)
      await this.#put(
        events.slice(at, at + LIMITS.eventsPerPut).map(({ type, detail }) => ({
          EventBusName: this.#bus,
          Source: EVENT_SOURCE,
          DetailType: type,
          Detail: JSON.stringify(detail),
          Time: new Date(detail.at),
        })),
      );
  }

  async #put(entries: readonly PutEventsRequestEntry[]): Promise<void> {
    let left = [...entries];
    let refusals: string[] = [];
    for (let attempt = 0; left.length > 0 && attempt < LIMITS.eventPutAttempts; attempt += 1) {
      const { Entries: results = [] } = await this.#client.send(
        new PutEventsCommand({ Entries: left }),
      );
      const refused = results.map(({ ErrorCode }) => ErrorCode !== undefined);
      refusals = results.flatMap(({ ErrorCode, ErrorMessage }) =>
        ErrorCode === undefined ? [] : [`${ErrorCode}: ${ErrorMessage ?? ''}`],
      );
      left = left.filter((_, at) => refused[at]);
    }
    if (left.length > 0)
      throw new Error(
        `the bus ${this.#bus} did not take ${left.length} of ${entries.length} events: ${refusals.join('; ')}`,
      );
  }
}
