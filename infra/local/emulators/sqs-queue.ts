import { createHash, randomUUID } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import { setTimeout as realSleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { DurableMap } from './durable-map.ts';
import { ServiceError } from './emulator.ts';

/** As in SendMessage; SDKs verify an MD5 over all of them. */
export interface MessageAttribute {
  readonly DataType: string;
  readonly StringValue?: string | undefined;
  /** In base64. */
  readonly BinaryValue?: string | undefined;
}
export type MessageAttributes = Readonly<Record<string, MessageAttribute>>;

/** A message at rest. */
export interface Message {
  readonly id: string;
  readonly body: string;
  readonly attributes: MessageAttributes;
  readonly senderId: string;
  readonly sentAtMs: number;
  readonly visibleAtMs: number;
  readonly receiveCount: number;
  readonly firstReceivedAtMs?: number;
  /** Changes at each receive; only the latest handle deletes. */
  readonly receipt?: string;
  /** The queue it failed in. */
  readonly deadLetterSourceArn?: string;
}

/** A message in somebody's hands, until it is deleted or its visibility timeout passes. */
export interface ReceivedMessage extends Message {
  readonly receiptHandle: string;
}

/** What the template says of a queue, with SQS's defaults. */
export interface QueueSettings {
  readonly name: string;
  readonly arn: string;
  readonly url: string;
  readonly visibilityTimeoutMs: number;
  readonly retentionMs: number;
  readonly delayMs: number;
  readonly waitMs: number;
  readonly largestMessageBytes: number;
  readonly redrive?: { readonly deadLetterArn: string; readonly maxReceiveCount: number };
  readonly keyArn?: string;
}

/** What one receive asks for beyond the queue's defaults. */
export interface ReceiveOptions {
  readonly maxMessages?: number;
  readonly visibilityTimeoutMs?: number;
  /** Real time: a poll is a time-out, not part of what is simulated. */
  readonly waitMs?: number;
  /** Ends the wait early; what has come by then is handed out. */
  readonly signal?: AbortSignal;
}

/**
 * A standard queue whose visibility, delay and retention follow the virtual clock. What is sent is on
 * disk before it is acknowledged, and delivery is at least once.
 */
export class Queue {
  readonly settings: QueueSettings;
  readonly #messages: DurableMap<Message>;
  readonly #clock: Clock;
  readonly #deadLetters: () => Queue | undefined;
  readonly #arrivals = new EventEmitter().setMaxListeners(0);
  /** Messages on their way to the dead letters, which two receives at once must not both send there. */
  readonly #moving = new Set<string>();
  #sequence = 0;

  constructor(
    settings: QueueSettings,
    messages: DurableMap<Message>,
    clock: Clock,
    deadLetters: () => Queue | undefined,
  ) {
    this.settings = settings;
    this.#messages = messages;
    this.#clock = clock;
    this.#deadLetters = deadLetters;
    for (const [key] of messages.entries()) this.#sequence = Math.max(this.#sequence, Number(key));
  }

  /** Takes a message; it is durable when this resolves. */
  async send(
    content: Pick<Message, 'body' | 'attributes' | 'senderId'>,
    delayMs = this.settings.delayMs,
  ): Promise<Message> {
    const sentAtMs = this.#clock.nowMs();
    const message = {
      ...content,
      id: randomUUID(),
      sentAtMs,
      visibleAtMs: sentAtMs + delayMs,
      receiveCount: 0,
    };
    await this.#add(message);
    return message;
  }

  /** Hands out messages that are visible, waiting for one if asked to. */
  async receive(options: ReceiveOptions = {}): Promise<readonly ReceivedMessage[]> {
    const deadlineMs = performance.now() + (options.waitMs ?? this.settings.waitMs);
    for (;;) {
      const received = await this.#takeVisible(options);
      const remainingMs = deadlineMs - performance.now();
      if (received.length > 0 || remainingMs <= 0 || options.signal?.aborted) return received;
      await this.#waitForMessage(remainingMs, options.signal);
    }
  }

  /** Deletes a message by the handle of its latest receive; an older handle does nothing. */
  async delete(receiptHandle: string): Promise<void> {
    const { key, receipt } = readReceiptHandle(receiptHandle);
    if (this.#messages.get(key)?.receipt === receipt) await this.#messages.delete(key);
  }

  /** Makes a received message visible after `timeoutMs`; 0 hands it out again at once. */
  async changeVisibility(receiptHandle: string, timeoutMs: number): Promise<void> {
    const { key, receipt } = readReceiptHandle(receiptHandle);
    const message = this.#messages.get(key);
    if (message?.receipt !== receipt || message === undefined) return;
    await this.#messages.set(key, { ...message, visibleAtMs: this.#clock.nowMs() + timeoutMs });
    this.#arrivals.emit('message');
  }

  /** How many messages wait, are being worked on, or are delayed. */
  counts(): { readonly visible: number; readonly inFlight: number; readonly delayed: number } {
    const nowMs = this.#clock.nowMs();
    const counts = { visible: 0, inFlight: 0, delayed: 0 };
    for (const [, { visibleAtMs, receiveCount }] of this.#messages.entries()) {
      if (visibleAtMs <= nowMs) counts.visible += 1;
      else if (receiveCount > 0) counts.inFlight += 1;
      else counts.delayed += 1;
    }
    return counts;
  }

  /** When the oldest message that is not deleted was sent; undefined where there is none. */
  oldestSentAtMs(): number | undefined {
    let oldest: number | undefined;
    for (const [, { sentAtMs }] of this.#messages.entries())
      oldest = Math.min(oldest ?? sentAtMs, sentAtMs);
    return oldest;
  }

  async #add(message: Message): Promise<void> {
    this.#sequence += 1;
    await this.#messages.set(String(this.#sequence).padStart(16, '0'), message);
    this.#arrivals.emit('message');
  }

  async #takeVisible(options: ReceiveOptions): Promise<readonly ReceivedMessage[]> {
    const { maxMessages = 1, visibilityTimeoutMs = this.settings.visibilityTimeoutMs } = options;
    const nowMs = this.#clock.nowMs();
    const taken: Promise<ReceivedMessage>[] = [];
    for (const key of [...this.#messages.keys()]) {
      if (taken.length >= maxMessages) break;
      // Looked up now: another receive may have had its turn during the awaits below.
      const message = this.#messages.get(key);
      if (message === undefined) continue;
      if (message.sentAtMs + this.settings.retentionMs <= nowMs) await this.#messages.delete(key);
      else if (message.visibleAtMs > nowMs) continue;
      else if (this.#isSpent(message)) await this.#moveToDeadLetters(key, message);
      else taken.push(this.#take(key, message, nowMs + visibilityTimeoutMs));
    }
    return Promise.all(taken);
  }

  async #take(key: string, message: Message, visibleAtMs: number): Promise<ReceivedMessage> {
    const receipt = randomUUID();
    const taken: Message = {
      ...message,
      visibleAtMs,
      receipt,
      receiveCount: message.receiveCount + 1,
      firstReceivedAtMs: message.firstReceivedAtMs ?? this.#clock.nowMs(),
    };
    await this.#messages.set(key, taken);
    return { ...taken, receiptHandle: Buffer.from(`${key}:${receipt}`).toString('base64url') };
  }

  #isSpent({ receiveCount }: Message): boolean {
    const { redrive } = this.settings;
    return redrive !== undefined && receiveCount >= redrive.maxReceiveCount;
  }

  /** Written there before it is deleted here: a crash between the two leaves it twice, not lost. */
  async #moveToDeadLetters(key: string, message: Message): Promise<void> {
    const deadLetters = this.#deadLetters();
    if (deadLetters === undefined || this.#moving.has(key)) return;
    this.#moving.add(key);
    const { receipt: _, ...rest } = message;
    await deadLetters.#add({
      ...rest,
      receiveCount: 0,
      visibleAtMs: this.#clock.nowMs(),
      deadLetterSourceArn: this.settings.arn,
    });
    await this.#messages.delete(key);
    this.#moving.delete(key);
  }

  /** Resolves at the next arrival, when a hidden message comes back, or after the real time given. */
  async #waitForMessage(realMs: number, cancel?: AbortSignal): Promise<void> {
    const done = new AbortController();
    const signal = cancel ? AbortSignal.any([done.signal, cancel]) : done.signal;
    let nextVisibleAtMs = Number.POSITIVE_INFINITY;
    for (const [key, { visibleAtMs }] of this.#messages.entries())
      if (!this.#moving.has(key)) nextVisibleAtMs = Math.min(nextVisibleAtMs, visibleAtMs);
    const wakeUps = [
      once(this.#arrivals, 'message', { signal }),
      realSleep(realMs, undefined, { signal }),
    ];
    if (Number.isFinite(nextVisibleAtMs)) {
      const hiddenForMs = nextVisibleAtMs - this.#clock.nowMs();
      wakeUps.push(this.#clock.sleep(hiddenForMs, signal) as Promise<never>);
    }
    try {
      await Promise.race(wakeUps);
    } catch (failure) {
      if (!cancel?.aborted) throw failure;
    } finally {
      done.abort();
      // The losers of the race reject with the abort, which says nothing.
      await Promise.allSettled(wakeUps);
    }
  }
}

function readReceiptHandle(receiptHandle: string): { key: string; receipt: string } {
  const [key = '', receipt = ''] = Buffer.from(receiptHandle, 'base64url').toString().split(':');
  if (/^\d{16}$/.test(key)) return { key, receipt };
  throw new ServiceError(400, 'ReceiptHandleIsInvalid', 'The input receipt handle is invalid.');
}

/** MD5 of message attributes in the form that SDKs compare. */
export function md5OfAttributes(attributes: MessageAttributes): string | undefined {
  const names = Object.keys(attributes).toSorted();
  if (names.length === 0) return undefined;
  const md5 = createHash('md5');
  const add = (bytes: Buffer) => {
    const length = Buffer.alloc(4);
    length.writeUInt32BE(bytes.length);
    md5.update(length).update(bytes);
  };
  for (const name of names) {
    const { DataType = '', StringValue, BinaryValue = '' } = attributes[name] ?? {};
    add(Buffer.from(name));
    add(Buffer.from(DataType));
    md5.update(Buffer.of(StringValue === undefined ? 2 : 1));
    add(StringValue === undefined ? Buffer.from(BinaryValue, 'base64') : Buffer.from(StringValue));
  }
  return md5.digest('hex');
}

/** SDKs compare it with what they sent or received. */
export function md5OfBody(body: string): string {
  return createHash('md5').update(body).digest('hex');
}
