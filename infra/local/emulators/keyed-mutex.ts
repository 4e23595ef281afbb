/** Runs work that concerns the same key one after the other, and the rest side by side. */
export class KeyedMutex {
  readonly #queues = new Map<string, { tail: Promise<unknown>; waiting: number }>();

  async run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const queue = this.#queues.get(key) ?? { tail: Promise.resolve(), waiting: 0 };
    this.#queues.set(key, queue);
    queue.waiting += 1;
    const result = queue.tail.then(work);
    // The next in line waits for the end of this work, whatever comes of it.
    queue.tail = Promise.allSettled([result]);
    try {
      return await result;
    } finally {
      queue.waiting -= 1;
      if (queue.waiting === 0) this.#queues.delete(key);
    }
  }
}
