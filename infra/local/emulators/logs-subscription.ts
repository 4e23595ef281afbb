import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { setTimeout } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import type { LogFilter } from './logs-filter.ts';

export interface LogEvent {
  readonly timestampMs: number;
  readonly stream: string;
  readonly message: string;
}

/** An event and where in the log it stands, which makes its id. */
type PlacedEvent = LogEvent & { readonly at: number };

export interface SubscriptionOptions {
  readonly name: string;
  readonly logGroup: string;
  readonly account: string;
  /** The group's events, one JSON object a line. */
  readonly file: string;
  readonly matches: LogFilter;
  /** Resolves once the destination has taken the batch for good. */
  readonly deliver: (payload: string) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

/** One read of the log. */
const READ_BYTES = 2_000_000;
const BATCH_EVENTS = 100;
/** After a delivery, so that what is logged meanwhile goes together, as it does on AWS: an event a line would flood the function. */
const GATHERING_MS = 100;
/** Lambda takes 1 MB asynchronously; CloudWatch Logs keeps below it. */
const LARGEST_PAYLOAD_BYTES = 1_000_000;

/**
 * Follows a log group and hands matching events to a function in order, from where it last got to: what
 * was logged before a crash is delivered after it, at least once.
 */
export class LogSubscription {
  readonly #options: SubscriptionOptions;
  readonly #checkpoint: string;
  #offset: number;
  #running: Promise<void> | undefined;
  #isBehind = false;
  #isStopped = false;

  constructor(options: SubscriptionOptions) {
    this.#options = options;
    this.#checkpoint = `${options.file}.${options.name}.offset`;
    this.#offset = existsSync(this.#checkpoint)
      ? Number(readFileSync(this.#checkpoint, 'utf8'))
      : 0;
  }

  /** Says that the log has grown. */
  poke(): void {
    this.#isBehind = true;
    this.#running ??= this.#follow().finally(() => {
      this.#running = undefined;
    });
  }

  /** Resolves when everything logged so far is delivered. */
  async drained(): Promise<void> {
    while (this.#running) await this.#running;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.drained();
  }

  async #follow(): Promise<void> {
    while (this.#isBehind && !this.#isStopped) {
      this.#isBehind = false;
      try {
        while (await this.#deliverNext()) {
          if (this.#isStopped) return;
          await setTimeout(GATHERING_MS);
        }
      } catch (fault) {
        // The checkpoint stands: the next event, or the next start, tries this batch again.
        this.#options.onFault(fault);
        return;
      }
    }
  }

  /** @returns whether there was anything to read. */
  async #deliverNext(): Promise<boolean> {
    const { text, bytes } = await this.#read();
    if (bytes === 0) return false;
    const events = placed(text, this.#offset).filter(({ message }) =>
      this.#options.matches(message),
    );
    // A delivery is of one stream.
    for (const stream of Map.groupBy(events, (event) => event.stream).values())
      for (let at = 0; at < stream.length; at += BATCH_EVENTS)
        await this.#deliver(stream.slice(at, at + BATCH_EVENTS));
    this.#offset += bytes;
    writeFileSync(`${this.#checkpoint}.new`, String(this.#offset));
    renameSync(`${this.#checkpoint}.new`, this.#checkpoint);
    return true;
  }

  /** In halves where a batch is more than one asynchronous event may hold. */
  async #deliver(events: readonly PlacedEvent[]): Promise<void> {
    const payload = this.#payload(events);
    if (Buffer.byteLength(payload) <= LARGEST_PAYLOAD_BYTES || events.length === 1)
      return this.#options.deliver(payload);
    const half = Math.ceil(events.length / 2);
    await this.#deliver(events.slice(0, half));
    await this.#deliver(events.slice(half));
  }

  /** Whole lines from the offset on. */
  async #read(): Promise<{ text: string; bytes: number }> {
    if (!existsSync(this.#options.file)) return { text: '', bytes: 0 };
    const file = await open(this.#options.file);
    try {
      const { buffer, bytesRead } = await file.read({
        buffer: Buffer.alloc(READ_BYTES),
        position: this.#offset,
      });
      const bytes = buffer.subarray(0, bytesRead).lastIndexOf(0x0a) + 1;
      return { text: buffer.toString('utf8', 0, bytes), bytes };
    } finally {
      await file.close();
    }
  }

  #payload(events: readonly PlacedEvent[]): string {
    const { name, logGroup, account } = this.#options;
    const data = {
      messageType: 'DATA_MESSAGE',
      owner: account,
      logGroup,
      logStream: events[0]?.stream ?? '',
      subscriptionFilters: [name],
      logEvents: events.map(({ at, stream, timestampMs, message }) => ({
        id: createHash('sha256')
          .update(`${at} ${stream} ${timestampMs} ${message}`)
          .digest('hex')
          .slice(0, 56),
        timestamp: timestampMs,
        message,
      })),
    };
    return JSON.stringify({ awslogs: { data: gzipSync(JSON.stringify(data)).toString('base64') } });
  }
}

/** The events of whole lines that begin at an offset. */
function placed(text: string, offset: number): PlacedEvent[] {
  let at = offset;
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const event: PlacedEvent = { ...(JSON.parse(line) as LogEvent), at };
      at += Buffer.byteLength(line) + 1;
      return event;
    });
}
