import {
  type ActionStore,
  type BatchOperation,
  type Item,
  type Store,
  type SubDb,
  type TableDescription,
} from './dynalite.ts';

/** An item as a write left it; without `item` it was deleted. */
export interface ItemChange {
  readonly table: string;
  /** The item's key as the store encodes it. */
  readonly key: string;
  readonly item?: Item;
}

/**
 * Writes that reach the disk together or not at all: an item with its index entries, or a whole
 * transaction. Reads through it see what was written to it. (Dynalite itself writes an item and its
 * index entries one by one.)
 */
export class WriteBatch implements ActionStore {
  readonly changes: ItemChange[] = [];
  readonly options: ActionStore['options'];
  readonly #store: Store;
  readonly #pending = new Map<string, BatchOperation>();

  constructor(store: Store) {
    this.#store = store;
    this.options = store.options;
  }

  getTable(...request: Parameters<ActionStore['getTable']>): void {
    this.#store.getTable(...request);
  }

  getItemDb(table: string): SubDb<Item> {
    return this.#view(`item-${table}~`, this.#store.getItemDb(table), (key, item) =>
      this.changes.push({ table, key, ...(item && { item }) }),
    );
  }

  getIndexDb(type: string, table: string, index: string): SubDb<Item> {
    const prefix = `index-${type.toLowerCase()}~${table}~${index}~`;
    return this.#view(prefix, this.#store.getIndexDb(type, table, index), () => 0);
  }

  /** Adds a record that is no item and commits with the rest. */
  put(key: string, value: unknown): void {
    this.#pending.set(key, { type: 'put', key, value });
  }

  async commit(): Promise<void> {
    if (this.#pending.size > 0) await this.#store.db.batch([...this.#pending.values()]);
  }

  #view(
    prefix: string,
    stored: SubDb<Item>,
    onChange: (key: string, item?: Item) => unknown,
  ): SubDb<Item> {
    const pending = this.#pending;
    return {
      get(key, callback) {
        const operation = pending.get(prefix + key);
        if (operation === undefined) return stored.get(key, callback);
        const item = operation.type === 'put' ? (operation.value as Item) : undefined;
        return void setImmediate(callback, null, item);
      },
      put(key, value, callback) {
        pending.set(prefix + key, { type: 'put', key: prefix + key, value });
        onChange(key, value);
        callback(null);
      },
      del(key, callback) {
        pending.set(prefix + key, { type: 'del', key: prefix + key });
        onChange(key);
        callback(null);
      },
      // The Writer admits one batch at a time, so there is nothing to lock out.
      lock: (_key, locked) => locked((callback) => callback),
      createValueStream: (options) => stored.createValueStream(options),
    };
  }
}

/** Admits one writer at a time, which makes every write and every transaction serializable. */
export class Writer {
  readonly #store: Store;
  readonly #onCommit: (changes: readonly ItemChange[]) => void;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(store: Store, onCommit: (changes: readonly ItemChange[]) => void) {
    this.#store = store;
    this.#onCommit = onCommit;
  }

  /** Runs `work` alone and commits what it wrote, unless it throws. */
  write<T>(work: (batch: WriteBatch) => Promise<T>): Promise<T> {
    const result = this.#tail.then(async () => {
      const batch = new WriteBatch(this.#store);
      const output = await work(batch);
      await batch.commit();
      this.#onCommit(batch.changes);
      return output;
    });
    this.#tail = result.catch(() => {});
    return result;
  }
}

/** The key attributes of an item. */
export function keyOf(item: Item, table: TableDescription): Item {
  return Object.fromEntries(
    table.KeySchema.map(({ AttributeName }) => [AttributeName, item[AttributeName] ?? {}]),
  );
}
