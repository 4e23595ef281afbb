/** A key between 0 and 2^32, evenly spread, and what is told under it. */
export type SampleEntry = readonly [key: number, ...values: number[]];

/**
 * A random sample that merges: of all that was taken, the entries of the smallest keys (bottom-k: Cohen and
 * Kaplan 2007, "Summarizing data using bottom-k sketches"). With keys that are hashes of ids it is the same in
 * whatever order and parts the entries came. A quantile of it is, in 95 % of samples, one of all entries at
 * that level ± 1.96 √(level (1 − level) / size).
 * Written here: @datadog/sketches-js knows values by their relative error, and scores near 1 differ by less;
 * a t-digest is another one in another order; neither keeps two scores of one row together.
 */
export class BottomSample<Entry extends SampleEntry> {
  readonly #size: number;
  #held: Entry[] = [];
  /** Enough is held up to this key. */
  #largestKey = Number.POSITIVE_INFINITY;

  constructor(size: number) {
    this.#size = size;
  }

  take(entry: Entry): void {
    if (entry[0] > this.#largestKey) return;
    this.#held.push(entry);
    if (this.#held.length >= 2 * this.#size) this.#keepSmallest();
  }

  /** In ascending order of their keys; all that was taken, where that is not more than the size. */
  get entries(): Entry[] {
    this.#keepSmallest();
    return [...this.#held];
  }

  #keepSmallest(): void {
    this.#held = this.#held.toSorted(byKey).slice(0, this.#size);
    if (this.#held.length === this.#size)
      this.#largestKey = this.#held.at(-1)?.[0] ?? this.#largestKey;
  }
}

/** Where two ids have one hash, what they tell decides, so that the order of arrival never does. */
function byKey(one: SampleEntry, other: SampleEntry): number {
  const at = one.findIndex((value, place) => value !== other[place]);
  return (one[at] ?? 0) - (other[at] ?? 0);
}
