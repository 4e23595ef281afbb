import type { Clock } from '../clock.ts';
import type { Outcome } from '../workers/environment.ts';
import type { Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { isRecord } from './json.ts';
import { epoch } from './sqs-operations.ts';
import {
  type MessageAttributes,
  md5OfBody,
  type Queue,
  type ReceivedMessage,
} from './sqs-queue.ts';

/** What the template says of a mapping, with Lambda's defaults. */
export interface MappingSettings {
  readonly functionArn: string;
  readonly batchSize: number;
  readonly batchingWindowMs: number;
  /** Batches in the function's hands at once. */
  readonly concurrency: number;
  readonly reportsItemFailures: boolean;
}

export interface MappingOptions {
  readonly settings: MappingSettings;
  readonly queue: Queue;
  readonly place: Place;
  readonly clock: Clock;
  readonly invoke: (functionArn: string, payload: string) => Promise<Outcome>;
  /** Asks whether the function's role may do what the poller does in its name. */
  readonly authorize: (action: string) => void;
  readonly onFault: (fault: unknown) => void;
}

/** Real time of one poll, as Lambda's pollers wait. */
const POLL_MS = 20_000;
/** After a poll that failed, such as one without permission: the next one would fail as well. */
const PAUSE_AFTER_FAULT_MS = 1000;
/** Lambda invokes with no more. */
const PAYLOAD_BYTES = 6 * 1024 * 1024;

/**
 * Hands the messages of a queue to a function in batches. What the function does not confirm comes back
 * when its visibility timeout has passed, and counts as received.
 */
export class EventSourceMapping {
  readonly #options: MappingOptions;
  readonly #stopping = new AbortController();
  #pollers: readonly Promise<void>[] = [];

  constructor(options: MappingOptions) {
    this.#options = options;
  }

  start(): void {
    const { concurrency } = this.#options.settings;
    this.#pollers = Array.from({ length: concurrency }, () => this.#poll());
  }

  /** Resolves when no batch is in the function's hands; the environments are expected to be stopped. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await Promise.all(this.#pollers);
  }

  async #poll(): Promise<void> {
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      try {
        this.#options.authorize('sqs:ReceiveMessage');
        const batch = await this.#collect();
        if (batch.length > 0) await this.#process(batch);
      } catch (fault) {
        if (signal.aborted) return;
        this.#options.onFault(fault);
        await pause(PAUSE_AFTER_FAULT_MS, signal);
      }
    }
  }

  /** A batch as large as it gets until the batching window, which opens with its first message, is over. */
  async #collect(): Promise<readonly ReceivedMessage[]> {
    const { queue, clock, settings } = this.#options;
    const { batchSize, batchingWindowMs } = settings;
    const { signal } = this.#stopping;
    const first = await queue.receive({
      maxMessages: Math.min(batchSize, 10),
      waitMs: POLL_MS,
      signal,
    });
    if (batchingWindowMs === 0 || first.length === 0) return first;
    const batch = [...first];
    const window = new AbortController();
    const isOver = AbortSignal.any([window.signal, signal]);
    const closing = clock.sleep(batchingWindowMs, isOver).then(
      () => window.abort(),
      () => undefined,
    );
    while (batch.length < batchSize && bytesOf(batch) < PAYLOAD_BYTES && !isOver.aborted) {
      const maxMessages = Math.min(batchSize - batch.length, 10);
      batch.push(...(await queue.receive({ maxMessages, waitMs: POLL_MS, signal: isOver })));
    }
    window.abort();
    await closing;
    return batch;
  }

  async #process(batch: readonly ReceivedMessage[]): Promise<void> {
    const { queue, invoke, settings, authorize } = this.#options;
    const outcome = await invoke(settings.functionArn, this.#payload(batch)).catch(throttled);
    if (this.#stopping.signal.aborted && outcome.kind === 'failed') return;
    const done = settings.reportsItemFailures
      ? confirmed(batch, outcome)
      : outcome.kind === 'answered'
        ? batch
        : [];
    if (done.length === 0) return;
    authorize('sqs:DeleteMessage');
    await Promise.all(done.map(({ receiptHandle }) => queue.delete(receiptHandle)));
  }

  /** https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html */
  #payload(batch: readonly ReceivedMessage[]): string {
    const { queue, place } = this.#options;
    const Records = batch.map((message) => ({
      messageId: message.id,
      receiptHandle: message.receiptHandle,
      body: message.body,
      attributes: {
        ApproximateReceiveCount: String(message.receiveCount),
        SentTimestamp: epoch(message.sentAtMs),
        SenderId: message.senderId,
        ApproximateFirstReceiveTimestamp: epoch(message.firstReceivedAtMs ?? message.sentAtMs),
        ...(message.deadLetterSourceArn !== undefined && {
          DeadLetterQueueSourceArn: message.deadLetterSourceArn,
        }),
      },
      messageAttributes: renderAttributes(message.attributes),
      md5OfBody: md5OfBody(message.body),
      eventSource: 'aws:sqs',
      eventSourceARN: queue.settings.arn,
      awsRegion: place.region,
    }));
    return JSON.stringify({ Records });
  }
}

/** A function that is throttled or gone gets its messages again, as one that failed. */
function throttled(failure: unknown): Outcome {
  if (!(failure instanceof ServiceError)) throw failure;
  return { kind: 'failed', failure: { errorType: failure.code, errorMessage: failure.message } };
}

/**
 * The messages that a partial-batch response leaves out. An empty response is a success of all; one of
 * the wrong shape, or with an identifier that is not in the batch, is a failure of all.
 * https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html
 */
export function confirmed(
  batch: readonly ReceivedMessage[],
  outcome: Outcome,
): readonly ReceivedMessage[] {
  if (outcome.kind === 'failed') return [];
  const response = parseJson(outcome.payload);
  if (response === null) return batch;
  if (!isRecord(response)) return [];
  const failures = response['batchItemFailures'] ?? [];
  if (!Array.isArray(failures)) return [];
  const failedIds = new Set(
    failures.map((failure) => (isRecord(failure) ? failure['itemIdentifier'] : undefined)),
  );
  const ids = new Set<unknown>(batch.map(({ id }) => id));
  if (!failedIds.isSubsetOf(ids)) return [];
  return batch.filter(({ id }) => !failedIds.has(id));
}

/** Undefined where it is no JSON. */
function parseJson(text: string): unknown {
  if (text === '') return null;
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function renderAttributes(attributes: MessageAttributes): object {
  return Object.fromEntries(
    Object.entries(attributes).map(([name, { DataType, StringValue, BinaryValue }]) => [
      name,
      {
        stringValue: StringValue,
        binaryValue: BinaryValue,
        stringListValues: [],
        binaryListValues: [],
        dataType: DataType,
      },
    ]),
  );
}

function bytesOf(batch: readonly ReceivedMessage[]): number {
  return batch.reduce((sum, { body }) => sum + Buffer.byteLength(body), 0);
}

/** Real time, cut short by the signal. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, durationMs);
    signal.addEventListener('abort', () => (clearTimeout(timer), resolve()), { once: true });
  });
}
