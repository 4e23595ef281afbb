import type { Level } from 'level';

/** Sorts after every key. */
const AFTER_ALL = '\u{10ffff}';

/**
 * A map that is small enough for memory and outlives the process: a change is durable once its promise
 * resolves. Entries come back in the order of their keys.
 */
export class DurableMap<V> {
  readonly #values: Map<string, V>;
  readonly #level: Level<string, unknown>;
  readonly #prefix: string;

  private constructor(level: Level<string, unknown>, prefix: string, values: Map<string, V>) {
    this.#level = level;
    this.#prefix = prefix;
    this.#values = values;
  }

  /** @param prefix sets these entries apart from others in the same database. */
  static async open<V>(level: Level<string, unknown>, prefix: string): Promise<DurableMap<V>> {
    const values = new Map<string, V>();
    for await (const [key, value] of level.iterator({ gte: prefix, lt: prefix + AFTER_ALL })) {
      values.set(key.slice(prefix.length), value as V);
    }
    return new DurableMap(level, prefix, values);
  }

  get(key: string): V | undefined {
    return this.#values.get(key);
  }

  keys(): IterableIterator<string> {
    return this.#values.keys();
  }

  entries(): IterableIterator<[key: string, value: V]> {
    return this.#values.entries();
  }

  get size(): number {
    return this.#values.size;
  }

  async set(key: string, value: V): Promise<void> {
    this.#values.set(key, value);
    await this.#level.put(this.#prefix + key, value);
  }

  async delete(key: string): Promise<void> {
    this.#values.delete(key);
    await this.#level.del(this.#prefix + key);
  }

  /** All of them or none. */
  async setAll(entries: readonly (readonly [key: string, value: V])[]): Promise<void> {
    for (const [key, value] of entries) this.#values.set(key, value);
    await this.#level.batch(
      entries.map(([key, value]) => ({ type: 'put', key: this.#prefix + key, value })),
    );
  }

  /** All of them or none. */
  async deleteAll(keys: readonly string[]): Promise<void> {
    for (const key of keys) this.#values.delete(key);
    await this.#level.batch(keys.map((key) => ({ type: 'del', key: this.#prefix + key })));
  }
}
