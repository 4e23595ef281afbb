import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { DurableMap } from './durable-map.ts';
import type { StreamSettings } from './firehose-declaration.ts';
import { conversionProblem, toParquet } from './firehose-parquet.ts';
import { isRecord, type JsonObject } from './json.ts';

/** One record in the buffer. */
export interface Buffered {
  /** In base64. */
  readonly data: string;
  readonly arrivedMs: number;
}

export interface StreamOptions {
  readonly settings: StreamSettings;
  readonly buffer: DurableMap<Buffered>;
  readonly clock: Clock;
  /** Writes an object with the permissions of the stream's role. */
  readonly putObject: (key: string, body: Buffer) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

interface Parsed {
  readonly key: string;
  readonly data: string;
  readonly record: JsonObject | undefined;
  readonly problem: string;
}

/** S3 that refuses is asked again after this, in real time, as Firehose does for a day. */
const RETRY_MS = 1000;

/** A buffer on disk that becomes objects when it is large or old enough: at least once each record. */
export class FirehoseStream {
  readonly #options: StreamOptions;
  readonly #stopping = new AbortController();
  #bytes = 0;
  #next = 0;
  #flushing = Promise.resolve();
  #timer: Promise<void> | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    for (const [key, { data }] of options.buffer.entries()) {
      this.#bytes += data.length;
      this.#next = Math.max(this.#next, Number(key) + 1);
    }
    if (this.#bytes > 0) this.#startTimer();
  }

  /** Resolves once the record is on disk. */
  async put(data: string): Promise<string> {
    const { buffer, clock, settings } = this.#options;
    const key = String(this.#next++).padStart(12, '0');
    await buffer.set(key, { data, arrivedMs: clock.nowMs() });
    this.#bytes += data.length;
    if (this.#bytes * (3 / 4) >= settings.bufferBytes) this.#flushSoon();
    else this.#startTimer();
    return `${settings.name}-${key}`;
  }

  /** What is buffered stays on disk for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#timer;
    await this.#flushing;
  }

  #startTimer(): void {
    this.#timer ??= this.#waitForAge().finally(() => {
      this.#timer = undefined;
    });
  }

  async #waitForAge(): Promise<void> {
    const { buffer, clock, settings, onFault } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted) {
      const [oldest] = buffer.entries();
      if (!oldest) return;
      const leftMs = oldest[1].arrivedMs + settings.bufferMs - clock.nowMs();
      try {
        if (leftMs > 0) await clock.sleep(leftMs, signal);
        else await this.#flush();
      } catch (fault) {
        if (signal.aborted) return;
        onFault(fault);
        await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      }
    }
  }

  #flushSoon(): void {
    this.#flush().catch((fault: unknown) => this.#options.onFault(fault));
  }

  /** One at a time. */
  #flush(): Promise<void> {
    const flushed = this.#flushing.then(() => this.#deliver());
    this.#flushing = flushed.catch(() => undefined);
    return flushed;
  }

  async #deliver(): Promise<void> {
    const { buffer, settings } = this.#options;
    const all = [...buffer.entries()].map(([key, { data }]) => this.#parse(key, data));
    const whole = all.filter(({ problem }) => problem === '');
    const partitions = Map.groupBy(whole, ({ record }) => this.#prefixOf(record ?? {}));
    for (const [prefix, records] of partitions) {
      const body = toParquet(
        settings.columns,
        records.map(({ record }) => record ?? {}),
      );
      await this.#write(`${prefix}${this.#objectName()}.parquet`, body, records);
    }
    const broken = all.filter(({ problem }) => problem !== '');
    if (broken.length > 0) await this.#writeBroken(broken);
  }

  #parse(key: string, data: string): Parsed {
    const { settings } = this.#options;
    const parsed = parseJson(Buffer.from(data, 'base64').toString());
    if (!parsed) return { key, data, record: undefined, problem: 'no JSON object' };
    const missing = [...settings.partitionKeys.values()].find(
      (member) => typeof parsed[member] !== 'string',
    );
    const problem =
      missing === undefined
        ? (conversionProblem(settings.columns, parsed) ?? '')
        : `no partition key ${missing}`;
    return { key, data, record: parsed, problem };
  }

  #prefixOf(record: JsonObject): string {
    const { prefix, partitionKeys } = this.#options.settings;
    return prefix.replaceAll(/!\{partitionKeyFromQuery:(\w+)\}/g, (_, name: string) =>
      String(record[partitionKeys.get(name) ?? '']),
    );
  }

  /** `slipway-main-scores-1-2026-11-23-12-00-00-<uuid>` */
  #objectName(): string {
    const { settings, clock } = this.#options;
    const at = new Date(clock.nowMs()).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
    return `${settings.name}-1-${at}-${randomUUID()}`;
  }

  async #writeBroken(broken: readonly Parsed[]): Promise<void> {
    const { settings, onFault } = this.#options;
    const lines = broken.map(({ data, problem }) =>
      JSON.stringify({ rawData: data, errorCode: 'DataFormatConversion', errorMessage: problem }),
    );
    const prefix = settings.errorPrefix.replaceAll(
      '!{firehose:error-output-type}',
      'format-conversion-failed',
    );
    const body = Buffer.from(lines.join('\n'));
    await this.#write(`${prefix}${this.#objectName()}`, body, broken);
    onFault(new Error(`${settings.name}: ${broken.length} records: ${broken[0]?.problem}`));
  }

  /** A crash between the two writes the records again. */
  async #write(key: string, body: Buffer, records: readonly Parsed[]): Promise<void> {
    const { buffer, putObject } = this.#options;
    await putObject(key, body);
    for (const record of records) {
      await buffer.delete(record.key);
      this.#bytes -= record.data.length;
    }
  }
}

function parseJson(text: string): JsonObject | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isRecord(value) ? value : undefined;
  } catch {
    // What is no JSON goes to the error output.
    return undefined;
  }
}
