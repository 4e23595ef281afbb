import { LIMITS } from '../contracts/limits.ts';

/** Rows, and how many of them both versions decide alike. */
export interface Agreement {
  readonly rows: number;
  readonly agreed: number;
}

/** Rows of the largest segments by name, and of all others together. */
export interface KeptSegments {
  readonly segments: Readonly<Record<string, Agreement>>;
  readonly elsewhere: Agreement;
}

const NONE: Agreement = { rows: 0, agreed: 0 };
/** The two counts and their names in an item of DynamoDB. */
const COUNT_BYTES = 32;
/** While counting, so many times what is kept is held: what is dropped late was small all along. */
const HELD = 10;

/**
 * Counts rows by segment, in any order and in parts. Exact while the names fit `LIMITS.segmentBytes`; of more,
 * the smallest are dropped into `elsewhere`, and one that comes again is counted anew from there. Nothing is
 * lost: the segments and `elsewhere` always add up to all rows.
 */
export class SegmentCounts {
  #segments = new Map<string, Agreement>();
  #elsewhere = NONE;
  #bytes = 0;

  take(name: string, rows: Agreement): void {
    const before = this.#segments.get(name);
    if (!before) this.#bytes += bytesOf(name);
    this.#segments.set(name, addAgreement(before ?? NONE, rows));
    if (this.#bytes > HELD * LIMITS.segmentBytes) this.#keepLargest();
  }

  merge({ segments, elsewhere }: KeptSegments): void {
    this.#elsewhere = addAgreement(this.#elsewhere, elsewhere);
    for (const [name, rows] of Object.entries(segments)) this.take(name, rows);
  }

  get kept(): KeptSegments {
    this.#keepLargest();
    return { segments: Object.fromEntries(this.#segments), elsewhere: this.#elsewhere };
  }

  #keepLargest(): void {
    if (this.#bytes <= LIMITS.segmentBytes) return;
    const bySize = largestFirst(this.#segments);
    this.#segments = new Map();
    this.#bytes = 0;
    let bytes = 0;
    for (const [name, rows] of bySize) {
      bytes += bytesOf(name);
      if (bytes > LIMITS.segmentBytes) {
        this.#elsewhere = addAgreement(this.#elsewhere, rows);
        continue;
      }
      this.#segments.set(name, rows);
      this.#bytes = bytes;
    }
  }
}

const bytesOf = (name: string): number => Buffer.byteLength(name) + COUNT_BYTES;

export const addAgreement = (one: Agreement, other: Agreement): Agreement => ({
  rows: one.rows + other.rows,
  agreed: one.agreed + other.agreed,
});

/** Of equal ones the first by name, so that the order of arrival decides nothing. */
export const largestFirst = (
  segments: Iterable<readonly [string, Agreement]>,
): (readonly [string, Agreement])[] =>
  [...segments].toSorted(
    ([name, one], [otherName, other]) => other.rows - one.rows || (name < otherName ? -1 : 1),
  );
