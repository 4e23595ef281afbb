import { randomUUID } from 'node:crypto';
import { setTimeout as realSleep } from 'node:timers/promises';
import type { BatchOperation, Level } from 'level';
import type { Clock } from '../clock.ts';
import type { Bury, Deliver, Delivery, Sender } from './deliveries.ts';
import { ServiceError } from './emulator.ts';

/** A delivery that was accepted and is not over. */
export interface PendingDelivery extends Delivery {
  readonly acceptedAtMs: number;
  readonly retry: { readonly attempts: number; readonly ageMs: number };
  readonly deadLetters?: { readonly queueArn: string; readonly sender: Sender };
  /** What a dead letter says beside its error. */
  readonly about: Readonly<Record<string, string>>;
}

export interface TargetQueueOptions {
  readonly level: Level<string, unknown>;
  readonly clock: Clock;
  readonly deliver: Deliver;
  readonly bury: Bury;
  /** Told of a delivery that failed for good, wherever it went then. */
  readonly onFailure: (delivery: PendingDelivery, failure: ServiceError) => void;
  readonly onFault: (fault: unknown) => void;
}

type Operation = BatchOperation<Level<string, unknown>, string, unknown>;

const PREFIX = 'delivery/';
const FIRST_PAUSE_MS = 1000;
const LONGEST_PAUSE_MS = 60_000;

/**
 * Deliveries to targets, on disk until they are over: retried on failures that may pass, at once a dead
 * letter on those that will not, as EventBridge does.
 */
export class TargetQueue {
  readonly #options: TargetQueueOptions;
  readonly #stopping = new AbortController();
  readonly #running = new Set<Promise<void>>();

  constructor(options: TargetQueueOptions) {
    this.#options = options;
  }

  /** Takes up what an earlier run accepted. */
  async start(): Promise<void> {
    const range = { gte: PREFIX, lt: `${PREFIX}\u{10ffff}` };
    for await (const [key, kept] of this.#options.level.iterator(range))
      this.#run(key, kept as PendingDelivery);
  }

  /** Deliveries are durable once this resolves. @param alongside is written with them or not at all. */
  async accept(
    deliveries: readonly PendingDelivery[],
    alongside: readonly Operation[] = [],
  ): Promise<void> {
    const keyed = deliveries.map((delivery) => [`${PREFIX}${randomUUID()}`, delivery] as const);
    const operations = keyed.map(([key, value]): Operation => ({ type: 'put', key, value }));
    if (operations.length + alongside.length === 0) return;
    await this.#options.level.batch([...operations, ...alongside]);
    for (const [key, delivery] of keyed) this.#run(key, delivery);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#running);
  }

  #run(key: string, delivery: PendingDelivery): void {
    const run = this.#attempt(key, delivery)
      .catch(this.#options.onFault)
      .finally(() => this.#running.delete(run));
    this.#running.add(run);
  }

  async #attempt(key: string, delivery: PendingDelivery): Promise<void> {
    const { deliver, level, clock } = this.#options;
    const { signal } = this.#stopping;
    for (let attempt = 0; !signal.aborted; attempt += 1) {
      try {
        await deliver(delivery);
        return await level.del(key);
      } catch (failure) {
        if (!(failure instanceof ServiceError)) throw failure;
        const isOver =
          !mayPass(failure) ||
          attempt >= delivery.retry.attempts ||
          clock.nowMs() - delivery.acceptedAtMs >= delivery.retry.ageMs;
        if (isOver) return this.#giveUp(key, delivery, failure, attempt);
      }
      // Real time, as all retries. Stopped meanwhile, the next start goes on.
      const pauseMs = Math.min(FIRST_PAUSE_MS * 2 ** attempt, LONGEST_PAUSE_MS);
      await realSleep(pauseMs, undefined, { signal }).catch(() => undefined);
    }
  }

  async #giveUp(
    key: string,
    delivery: PendingDelivery,
    failure: ServiceError,
    attempts: number,
  ): Promise<void> {
    const { deadLetters, about, payload } = delivery;
    this.#options.onFailure(delivery, failure);
    if (deadLetters) {
      const attributes = {
        ...about,
        ERROR_CODE: errorCode(failure),
        ERROR_MESSAGE: failure.message,
        RETRY_ATTEMPTS: String(attempts),
        ...(mayPass(failure) && { EXHAUSTED_RETRY_CONDITION: 'MaximumRetryAttempts' }),
      };
      await this.#options.bury(
        deadLetters.queueArn,
        deadLetters.sender,
        payload,
        Object.fromEntries(
          Object.entries(attributes).map(([name, StringValue]) => [
            name,
            { DataType: 'String', StringValue },
          ]),
        ),
      );
    }
    await this.#options.level.del(key);
  }
}

/** Whether another attempt may do better. */
const mayPass = ({ status }: ServiceError): boolean =>
  status === 429 || (status >= 500 && status !== 501);

function errorCode({ status, code }: ServiceError): string {
  if (status === 403) return 'NO_PERMISSIONS';
  return status === 404 || code === 'QueueDoesNotExist' ? 'NO_RESOURCE' : code;
}
