import { createHash, hash } from 'node:crypto';
import { DatasetDigest, RowsDigest } from '../contracts/dataset.ts';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';

/** Bytes of a digest that rows and entities are compared by: 2^-128 a pair is as good as equal. */
export const SHORT_DIGEST_BYTES = 16;

/**
 * The canonical row: JSON by RFC 8785 of the values that are present, by column name. It knows neither the
 * order of columns nor the format they came in, and a column that is missing throughout changes nothing.
 */
export function canonicalRows(
  columns: readonly DatasetColumn[],
  isIncluded: (column: DatasetColumn) => boolean = () => true,
): (values: readonly CellValue[]) => string {
  const order = columns
    .flatMap((column, at) => (isIncluded(column) ? [{ name: column.name, at }] : []))
    .map(({ name, at }) => ({ name, at, prefix: `${JSON.stringify(name)}:` }))
    .toSorted((one, other) => (one.name < other.name ? -1 : 1));
  return (values) => {
    let text = '';
    for (const { at, prefix } of order) {
      const value = values[at] ?? null;
      if (value === null) continue;
      text += text === '' ? '{' : ',';
      // ECMAScript's own spelling of a number is the one that RFC 8785 prescribes.
      text += prefix + (typeof value === 'string' ? JSON.stringify(value) : String(value));
    }
    return text === '' ? '{}' : `${text}}`;
  };
}

/** Of a text, for comparing rows. */
export const shortTextDigest = (text: string): Buffer =>
  hash('sha256', text, 'buffer').subarray(0, SHORT_DIGEST_BYTES);

/** Of one value, for comparing entities. */
export const shortDigest = (value: CellValue): Buffer =>
  hash('sha256', JSON.stringify(value), 'buffer').subarray(0, SHORT_DIGEST_BYTES);

const WORDS = 8;
/** Sums of 32-bit words stay exact in doubles for 2^21 of them; carried well before. */
const ROWS_BETWEEN_CARRIES = 2 ** 20;
const WORD = 2 ** 32;
const TEXT_BATCH = 65_536;

/**
 * Digests of rows as they come. The order-free one is the sum of the rows' SHA-256 modulo 2^256 with their
 * number (AdHash, Bellare and Micciancio 1997): a sum, unlike XOR, tells one row from three of it. Who can
 * choose millions of rows can find two sets of one sum, so it says "the same rows" among friends and is
 * nobody's identity; the digest in order is plain SHA-256.
 */
export class DatasetHasher {
  readonly #inOrder = createHash('sha256');
  readonly #sums = new Float64Array(WORDS);
  #waiting = '';
  #rows = 0;

  /** @returns the row's own SHA-256. */
  add(canonicalRow: string): Buffer {
    this.#waiting += `${canonicalRow}\n`;
    if (this.#waiting.length > TEXT_BATCH) this.#flush();
    const digest = hash('sha256', canonicalRow, 'buffer');
    for (let word = 0; word < WORDS; word++)
      this.#sums[word] = (this.#sums[word] ?? 0) + digest.readUInt32BE(word * 4);
    this.#rows += 1;
    if (this.#rows % ROWS_BETWEEN_CARRIES === 0) this.#carry();
    return digest;
  }

  finish(): { digest: DatasetDigest; rowsDigest: RowsDigest } {
    this.#flush();
    this.#carry();
    const sum = Array.from(this.#sums, (word) => word.toString(16).padStart(8, '0')).join('');
    return {
      digest: DatasetDigest.parse(this.#inOrder.digest('hex')),
      rowsDigest: RowsDigest.parse(`${sum}-${this.#rows}`),
    };
  }

  #flush(): void {
    this.#inOrder.update(this.#waiting);
    this.#waiting = '';
  }

  #carry(): void {
    let carried = 0;
    for (let word = WORDS - 1; word >= 0; word--) {
      const sum = (this.#sums[word] ?? 0) + carried;
      this.#sums[word] = sum % WORD;
      carried = Math.floor(sum / WORD);
    }
  }
}
