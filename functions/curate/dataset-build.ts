import { statSync } from 'node:fs';
import { join } from 'node:path';
import type { DatasetDigest, RowsDigest } from '../contracts/dataset.ts';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import { hashedText } from '../contracts/prediction-line.ts';
import { isKeyedHash } from '../runtime/sealing.ts';
import { DigestTable } from './digest-table.ts';
import { searchOf } from './query-key.ts';
import {
  canonicalRows,
  DatasetHasher,
  SHORT_DIGEST_BYTES,
  shortDigest,
  shortTextDigest,
} from './row-digests.ts';
import { StoredRows } from './stored-rows.ts';

/** A dataset that is whole on this disk and nowhere else yet. */
export interface BuiltDataset {
  readonly digest: DatasetDigest;
  readonly rowsDigest: RowsDigest;
  readonly rows: number;
  readonly duplicateRows: number;
  readonly columns: readonly DatasetColumn[];
  /** The Parquet file. */
  readonly file: string;
  readonly sizeBytes: number;
  /** Short digests a row, in order: of the row, and of each entity key by name. */
  readonly digests: ReadonlyMap<string, Uint8Array>;
}

const isBeside = ({ role }: DatasetColumn): boolean =>
  role === 'weight' || role === 'arm' || role === 'prediction';

/** Name of the rows' own digests among those of entity keys, which are feature names. */
export const ROW_DIGESTS = '#rows';
const NO_ENTITY = new Uint8Array(SHORT_DIGEST_BYTES);

/** How the log hides entities, so that a set with plain values meets one that was made of the log. */
export interface EntityHashing {
  readonly keys: readonly string[];
  /** What serving writes into the log instead of a text. */
  readonly hash: (text: string) => string;
}

interface EntityKey {
  readonly key: string;
  readonly at: number;
  readonly digests: DigestTable;
  readonly hash: EntityHashing['hash'] | undefined;
}

export interface BuildOptions {
  readonly columns: readonly DatasetColumn[];
  readonly entityKeys: readonly string[];
  /** Absent where the values come from the log. */
  readonly hashing?: EntityHashing | undefined;
  readonly folder: string;
  /** Columns that the source has; others are left out of the file. */
  readonly isKept?: (at: number) => boolean;
}

/** Rows become a dataset as they come: stored, and their digests taken. */
export class DatasetBuild {
  readonly #options: BuildOptions;
  readonly #file: string;
  readonly #stored: StoredRows;
  readonly #canonical: (values: readonly CellValue[]) => string;
  /** The row without what was recorded beside it, which the same row in another set need not share. */
  readonly #content: ((values: readonly CellValue[]) => string) | undefined;
  readonly #hasher = new DatasetHasher();
  readonly #rows = new DigestTable();
  readonly #entities: readonly EntityKey[];
  readonly #predictionAt: number;
  #duplicates = 0;

  constructor(options: BuildOptions) {
    const { columns, entityKeys, hashing, folder, isKept } = options;
    this.#options = options;
    this.#file = join(folder, 'rows.parquet');
    this.#stored = new StoredRows(this.#file, columns, isKept);
    this.#canonical = canonicalRows(columns);
    const hasRecorded = columns.some((column, at) => isBeside(column) && isKept?.(at) !== false);
    this.#content = hasRecorded ? canonicalRows(columns, (column) => !isBeside(column)) : undefined;
    this.#predictionAt = columns.findIndex(({ role }) => role === 'prediction');
    this.#entities = entityKeys.map((key) => ({
      key,
      at: columns.findIndex(({ name }) => name === key),
      digests: new DigestTable(),
      hash: hashing?.keys.includes(key) ? hashing.hash : undefined,
    }));
  }

  add(values: readonly CellValue[]): void {
    const whole = this.#hasher.add(this.#canonical(values)).subarray(0, SHORT_DIGEST_BYTES);
    const digest = this.#content ? shortTextDigest(this.#content(values)) : whole;
    if (this.#rows.add(digest) !== undefined) this.#duplicates += 1;
    for (const entity of this.#entities) {
      const value = this.#entityOf(values, entity);
      entity.digests.add(value === null ? NO_ENTITY : shortDigest(value));
    }
    this.#stored.add(values);
  }

  #entityOf(values: readonly CellValue[], { at, hash }: EntityKey): CellValue {
    const value = this.#valueAt(values, at);
    if (value === null || !hash) return value;
    const text = hashedText(value);
    // The export of a snapshot that is imported again has what the log has; a hash of it would meet nothing.
    return this.#predictionOf(values) !== null && isKeyedHash(text) ? text : hash(text);
  }

  #valueAt(values: readonly CellValue[], at: number): CellValue {
    const value = values[at] ?? null;
    const prediction = this.#predictionOf(values);
    const isServedQuery = this.#options.columns[at]?.role === 'query';
    if (!isServedQuery || typeof value !== 'string' || typeof prediction !== 'string') return value;
    return searchOf(value, prediction);
  }

  #predictionOf(values: readonly CellValue[]): CellValue {
    return values[this.#predictionAt] ?? null;
  }

  finish(): BuiltDataset {
    this.#stored.finish();
    return {
      ...this.#hasher.finish(),
      rows: this.#rows.length,
      duplicateRows: this.#duplicates,
      columns: this.#options.columns,
      file: this.#file,
      sizeBytes: statSync(this.#file).size,
      digests: new Map([
        [ROW_DIGESTS, this.#rows.bytes()],
        ...this.#entities.map(({ key, digests }): [string, Uint8Array] => [key, digests.bytes()]),
      ]),
    };
  }
}

/** Whether a row has a value for the key whose digests these are. */
export const hasEntity = (digest: Uint8Array): boolean => digest.some((byte) => byte !== 0);
