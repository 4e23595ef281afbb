import { randomUUID } from 'node:crypto';
import { setTimeout as realSleep } from 'node:timers/promises';
import type { Clock } from '../clock.ts';
import type { DurableMap } from './durable-map.ts';
import type { StreamSettings } from './firehose-declaration.ts';
import { toParquet } from './firehose-parquet.ts';
import { type Buffered, errorLine, type ReadRecord, readRecord } from './firehose-records.ts';

export interface StreamOptions {
  readonly settings: StreamSettings;
  readonly buffer: DurableMap<Buffered>;
  readonly clock: Clock;
  /** Writes an object with the permissions of the stream's role. */
  readonly putObject: (key: string, body: Buffer) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

type Whole = Extract<ReadRecord, { kind: 'whole' }>;
type Broken = Extract<ReadRecord, { kind: 'broken' }>;

/** S3 that refuses is asked again after this, in real time, as Firehose does for a day. */
const RETRY_MS = 1000;

/** A buffer on disk that becomes objects when it is large or old enough: at least once each record. */
export class FirehoseStream {
  readonly #options: StreamOptions;
  readonly #stopping = new AbortController();
  #bytes = 0;
  #next = 0;
  #isFull = Promise.withResolvers<void>();
  #delivering: Promise<void> | undefined;

  constructor(options: StreamOptions) {
    this.#options = options;
    for (const [key, { data }] of options.buffer.entries()) {
      this.#bytes += sizeOf(data);
      this.#next = Math.max(this.#next, Number(key) + 1);
    }
    if (this.#bytes > 0) this.#wake();
  }

  /** Takes records in base64; all are on disk when this resolves. @returns their ids. */
  async put(records: readonly string[]): Promise<readonly string[]> {
    const { buffer, clock, settings } = this.#options;
    const arrivedMs = clock.nowMs();
    const taken = records.map((data): [string, Buffered] => {
      const key = String(this.#next).padStart(12, '0');
      this.#next += 1;
      return [key, { data, arrivedMs }];
    });
    await buffer.setAll(taken);
    for (const data of records) this.#bytes += sizeOf(data);
    this.#wake();
    return taken.map(([key]) => `${settings.name}-${key}`);
  }

  /** What is buffered stays on disk for the next start. */
  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#delivering;
  }

  #wake(): void {
    if (this.#bytes >= this.#options.settings.bufferBytes) this.#isFull.resolve();
    this.#delivering ??= this.#deliverWhenDue().finally(() => {
      this.#delivering = undefined;
      // What came between the last look and now.
      if (this.#options.buffer.size > 0 && !this.#stopping.signal.aborted) this.#wake();
    });
  }

  /** Until the buffer is empty. */
  async #deliverWhenDue(): Promise<void> {
    const { buffer, onFault } = this.#options;
    const { signal } = this.#stopping;
    while (!signal.aborted && buffer.size > 0) {
      await this.#untilDue();
      if (signal.aborted) return;
      try {
        await this.#deliver();
      } catch (fault) {
        onFault(fault);
        await realSleep(RETRY_MS, undefined, { signal }).catch(() => undefined);
      }
    }
  }

  /** Resolves when the oldest record is old enough, when the buffer is full, and when the stream stops. */
  async #untilDue(): Promise<void> {
    const { buffer, clock, settings } = this.#options;
    const [oldest] = buffer.entries();
    const leftMs = (oldest?.[1].arrivedMs ?? 0) + settings.bufferMs - clock.nowMs();
    if (leftMs <= 0 || this.#bytes >= settings.bufferBytes) return;
    this.#isFull = Promise.withResolvers<void>();
    const done = new AbortController();
    const aged = clock.sleep(leftMs, AbortSignal.any([done.signal, this.#stopping.signal]));
    await Promise.race([aged.catch(() => undefined), this.#isFull.promise]);
    done.abort();
  }

  async #deliver(): Promise<void> {
    const { buffer, settings, clock, onFault } = this.#options;
    const read = [...buffer.entries()].map(([key, kept]) => readRecord(settings, key, kept));
    const nowMs = clock.nowMs();
    const whole = read.filter((record) => record.kind === 'whole');
    for (const [prefix, records] of Map.groupBy(whole, (record) => this.#prefix(record, nowMs)))
      await this.#write(`${prefix}${this.#objectName(nowMs)}.parquet`, records, () =>
        toParquet(
          settings.columns,
          records.map(({ record }) => record),
        ),
      );
    const broken = read.filter((record) => record.kind === 'broken');
    for (const [errorType, records] of Map.groupBy(broken, (record) => record.errorType)) {
      await this.#writeErrors(errorType, records, nowMs);
      onFault(
        new Error(`${settings.name}: ${records.length} records: ${records[0]?.message ?? ''}`),
      );
    }
  }

  #prefix({ partitionKeys }: Whole, nowMs: number): string {
    return this.#options.settings.prefix({ nowMs, partitionKeys, randomText });
  }

  /** `slipway-main-scores-1-2026-11-23-12-00-00-<uuid>` */
  #objectName(nowMs: number): string {
    const at = new Date(nowMs).toISOString().slice(0, 19).replaceAll(/[T:]/g, '-');
    return `${this.#options.settings.name}-1-${at}-${randomUUID()}`;
  }

  #writeErrors(
    errorType: Broken['errorType'],
    records: readonly Broken[],
    nowMs: number,
  ): Promise<void> {
    const { settings } = this.#options;
    const partitionKeys = new Map<string, string>();
    const prefix = settings.errorPrefix({ nowMs, partitionKeys, errorType, randomText });
    const lines = records.map((record) => errorLine(record, settings, nowMs));
    return this.#write(`${prefix}${this.#objectName(nowMs)}`, records, () =>
      Buffer.from(`${lines.join('\n')}\n`),
    );
  }

  /** A crash between the two writes the records again. */
  async #write(key: string, records: readonly ReadRecord[], render: () => Buffer): Promise<void> {
    const { buffer, putObject } = this.#options;
    await putObject(key, render());
    const keys = records.map((record) => record.key);
    for (const each of keys) this.#bytes -= sizeOf(buffer.get(each)?.data ?? '');
    await buffer.deleteAll(keys);
  }
}

const sizeOf = (base64: string): number => Buffer.byteLength(base64, 'base64');

const randomText = (): string => randomUUID().slice(0, 11);
