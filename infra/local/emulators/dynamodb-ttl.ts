import type { Clock } from '../clock.ts';
import { type Item, perform, readItem, type Store, validate } from './dynalite.ts';
import { items } from './dynamodb-tables.ts';
import type { Table } from './dynamodb-template.ts';
import { type ItemChange, keyOf, type Writer } from './dynamodb-writes.ts';

const SWEEP_EVERY_MS = 60_000;
/** DynamoDB takes a time further in the past for a mistake and keeps the item. */
const OLDEST_EXPIRY_SECONDS = 5 * 365 * 24 * 3600;

/**
 * Deletes items whose time to live has passed on the virtual clock. AWS takes up to a few days, so a
 * reader must still filter; here it takes one virtual minute.
 */
export class Expiry {
  readonly #store: Store;
  readonly #writer: () => Writer;
  readonly #clock: Clock;
  readonly #tables: readonly Table[];
  /** Per table: the encoded key of each item that expires, and when. A sweep scans this, not the disk. */
  readonly #expiresAt = new Map<string, Map<string, number>>();
  readonly #stopped = new AbortController();
  #sweeping: Promise<void> = Promise.resolve();

  constructor(store: Store, writer: () => Writer, tables: Iterable<Table>, clock: Clock) {
    this.#store = store;
    this.#writer = writer;
    this.#clock = clock;
    this.#tables = [...tables].filter(({ ttlAttribute }) => ttlAttribute !== undefined);
    for (const { name } of this.#tables) this.#expiresAt.set(name, new Map());
  }

  /** Reads what an earlier run kept and begins to sweep. */
  async start(onFault: (fault: unknown) => void): Promise<void> {
    for (const { name } of this.#tables) {
      for await (const [key, item] of items(this.#store, name)) {
        this.observe([{ table: name, key, item }]);
      }
    }
    if (this.#tables.length > 0) this.#sweeping = this.#sweepForever().catch(onFault);
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#sweeping;
  }

  /** Takes note of items that were just written. */
  observe(changes: readonly ItemChange[]): void {
    for (const { table, key, item } of changes) {
      const expiresAt = this.#expiresAt.get(table);
      if (expiresAt === undefined) continue;
      const seconds = item && this.#expirySeconds(table, item);
      if (seconds === undefined) expiresAt.delete(key);
      else expiresAt.set(key, seconds);
    }
  }

  /** Deletes what has expired by now; gives how many. */
  async sweep(): Promise<number> {
    let deleted = 0;
    for (const table of this.#tables) {
      for (const key of this.#expiredKeys(table.name)) {
        if (await this.#deleteExpired(table, key)) deleted += 1;
      }
    }
    return deleted;
  }

  async #sweepForever(): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.#clock.sleep(SWEEP_EVERY_MS, signal).catch((reason: unknown) => {
        if (!signal.aborted) throw reason;
      });
      if (!signal.aborted) await this.sweep();
    }
  }

  #expiredKeys(table: string): readonly string[] {
    const nowSeconds = this.#clock.nowMs() / 1000;
    return [...(this.#expiresAt.get(table) ?? [])]
      .filter(([, seconds]) => isExpired(seconds, nowSeconds))
      .map(([key]) => key);
  }

  /** Looks again under the write lock: the item may have been given more time since. */
  #deleteExpired({ name, description }: Table, key: string): Promise<boolean> {
    return this.#writer().write(async (batch) => {
      const item = await readItem(batch, name, key);
      if (item === undefined) return false;
      const seconds = this.#expirySeconds(name, item);
      if (seconds === undefined || !isExpired(seconds, this.#clock.nowMs() / 1000)) return false;
      const request = { TableName: name, Key: keyOf(item, description) };
      await perform(batch, 'DeleteItem', validate(this.#store, 'DeleteItem', request));
      return true;
    });
  }

  #expirySeconds(tableName: string, item: Item): number | undefined {
    const attribute = this.#tables.find(({ name }) => name === tableName)?.ttlAttribute ?? '';
    const value = item[attribute]?.['N'];
    return value === undefined ? undefined : Number(value);
  }
}

function isExpired(seconds: number, nowSeconds: number): boolean {
  return seconds < nowSeconds && seconds > nowSeconds - OLDEST_EXPIRY_SECONDS;
}
