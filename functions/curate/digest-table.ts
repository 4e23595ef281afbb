import { SHORT_DIGEST_BYTES } from './row-digests.ts';

const WORDS = SHORT_DIGEST_BYTES / 4;
/** Digests a chunk: growing by chunks never copies what is there. */
const CHUNK = 65_536;
const FIRST_SLOTS = 1024;

/**
 * Short digests in the order of their rows, and where each occurred first. A Set of texts would take ten
 * times the memory: this is 16 bytes a row and at most 8 for finding it.
 */
export class DigestTable {
  readonly #chunks: Uint32Array[] = [];
  #count = 0;
  #distinct = 0;
  /** Index + 1 of the digest in a slot, 0 for none; open addressing, at most two thirds full. */
  #slots = new Int32Array(FIRST_SLOTS);

  /** @param bytes digests one after the other, as `bytes()` gives them. */
  static from(bytes: Uint8Array): DigestTable {
    const table = new DigestTable();
    for (let at = 0; at < bytes.length; at += SHORT_DIGEST_BYTES)
      table.add(bytes.subarray(at, at + SHORT_DIGEST_BYTES));
    return table;
  }

  get length(): number {
    return this.#count;
  }

  /** Appends a digest. @returns where it was first, or undefined when it is new. */
  add(digest: Uint8Array): number | undefined {
    const at = this.#append(digest);
    const slot = this.#slotOf(at);
    const found = this.#slots[slot] ?? 0;
    if (found > 0) return found - 1;
    this.#slots[slot] = at + 1;
    this.#distinct += 1;
    if (this.#distinct * 3 > this.#slots.length * 2) this.#grow();
    return undefined;
  }

  /** Where a digest was first, or undefined. */
  find(digest: Uint8Array): number | undefined {
    const at = this.#append(digest);
    const found = this.#slots[this.#slotOf(at)] ?? 0;
    this.#count -= 1;
    return found > 0 ? found - 1 : undefined;
  }

  /** Every digest, in order. */
  bytes(): Uint8Array {
    const bytes = new Uint8Array(this.#count * SHORT_DIGEST_BYTES);
    this.#chunks.forEach((chunk, at) => {
      const from = at * CHUNK * SHORT_DIGEST_BYTES;
      bytes.set(new Uint8Array(chunk.buffer).subarray(0, Math.max(bytes.length - from, 0)), from);
    });
    return bytes;
  }

  #append(digest: Uint8Array): number {
    const at = this.#count++;
    const within = (at % CHUNK) * WORDS;
    let chunk = this.#chunks[Math.floor(at / CHUNK)];
    if (!chunk) {
      chunk = new Uint32Array(CHUNK * WORDS);
      this.#chunks.push(chunk);
    }
    new Uint8Array(chunk.buffer, within * 4, SHORT_DIGEST_BYTES).set(digest);
    return at;
  }

  #word(at: number, word: number): number {
    return this.#chunks[Math.floor(at / CHUNK)]?.[(at % CHUNK) * WORDS + word] ?? 0;
  }

  #isSame(one: number, other: number): boolean {
    for (let word = 0; word < WORDS; word++)
      if (this.#word(one, word) !== this.#word(other, word)) return false;
    return true;
  }

  /** The slot that holds an equal digest, or the empty one where it would go. */
  #slotOf(at: number): number {
    const mask = this.#slots.length - 1;
    let slot = this.#word(at, 0) & mask;
    for (;;) {
      const found = this.#slots[slot] ?? 0;
      if (found === 0 || this.#isSame(found - 1, at)) return slot;
      slot = (slot + 1) & mask;
    }
  }

  #grow(): void {
    const before = this.#slots;
    this.#slots = new Int32Array(before.length * 2);
    for (const entry of before) if (entry > 0) this.#slots[this.#slotOf(entry - 1)] = entry;
  }
}
