import { LIMITS } from '../contracts/limits.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { describeError, type log } from '../runtime/log.ts';
import { type LoggedItem, readJoined, readLoggedItems } from './log-delivery.ts';
import { type Measurements, NO_MODEL } from './measurements.ts';
import type { Recorder } from './recorder.ts';
import { RecordWork, type WorkQueueStore } from './work-queue-store.ts';

export interface LogRecordingParts {
  readonly recorder: Recorder;
  readonly measurements: Measurements;
  readonly log: typeof log;
  /** Tried again from here. */
  readonly failed: Pick<WorkQueueStore, 'send'>;
  /** Kept here until somebody has looked. */
  readonly parked: Pick<WorkQueueStore, 'send'>;
}

/** Records what was logged. */
export class LogRecording {
  readonly #parts: LogRecordingParts;

  constructor(parts: LogRecordingParts) {
    this.#parts = parts;
  }

  /**
   * One delivery of a log group, which knows no partial success: what fails alone waits in a queue.
   * @throws when not even that was possible, or the archive took nothing; the delivery comes again.
   */
  async recordDelivery(messages: readonly string[]): Promise<void> {
    const failed: RecordWork[] = [];
    await inParallel(readLoggedItems(messages), LIMITS.recordConcurrency, async (item) => {
      try {
        await this.#record(item);
      } catch (error) {
        this.#parts.log({ kind: 'item-failed', item: item.kind, ...describeError(error) });
        this.#parts.measurements.count(NO_MODEL, 'failedItems');
        failed.push(...waiting(item, String(error)));
      }
    });
    try {
      await this.#parts.failed.send(failed);
    } finally {
      await this.#parts.recorder.flush();
    }
  }

  /**
   * Messages of the queue.
   * @returns those that must be tried again, as Lambda wants them.
   */
  async recordQueued(
    queued: readonly { readonly id: string; readonly body: string }[],
  ): Promise<{ itemIdentifier: string }[]> {
    const failed: { itemIdentifier: string }[] = [];
    await inParallel(queued, LIMITS.recordConcurrency, async ({ id, body }) => {
      try {
        await this.#work(RecordWork.parse(JSON.parse(body)));
      } catch (error) {
        this.#parts.log({ kind: 'item-failed', item: 'queued', ...describeError(error) });
        this.#parts.measurements.count(NO_MODEL, 'failedItems');
        failed.push({ itemIdentifier: id });
      }
    });
    await this.#parts.recorder.flush();
    return failed;
  }

  async #work(work: RecordWork): Promise<void> {
    if (work.kind === 'matured') return this.#parts.recorder.mature(work.predictionId);
    for (const item of readLoggedItems(work.messages)) await this.#record(item);
  }

  async #record(item: LoggedItem): Promise<void> {
    const { recorder, measurements } = this.#parts;
    switch (item.kind) {
      case 'prediction':
        return recorder.recordPrediction(item.line);
      case 'failure':
        return recorder.recordFailure(item.line);
      case 'shadow':
        return recorder.recordShadow(item.line);
      case 'part': {
        const text = await recorder.recordPart(item.part);
        if (text !== undefined) return this.#record(readJoined(text, item.messages));
        return measurements.count(NO_MODEL, 'partsWaiting');
      }
      case 'poison':
        return this.#park(item);
    }
  }

  async #park(item: Extract<LoggedItem, { kind: 'poison' }>): Promise<void> {
    await this.#parts.parked.send(waiting(item, item.reason));
    this.#parts.measurements.count(NO_MODEL, 'poisonLines');
  }
}

/** One a log message: the parts of an oversized line are more than one message of a queue may hold. */
const waiting = ({ messages }: LoggedItem, reason: string): RecordWork[] =>
  messages.map((message) => ({ kind: 'lines', messages: [message], reason }));
