import { hash } from 'node:crypto';
import { hasEntity } from './dataset-build.ts';
import { DigestTable } from './digest-table.ts';
import { SHORT_DIGEST_BYTES } from './row-digests.ts';

/** Rows count from 0 here. */
export interface RowDifference {
  readonly unchanged: number;
  readonly added: readonly number[];
  readonly removed: readonly number[];
  /** The same entity with other values. */
  readonly changed: readonly { readonly before: number; readonly after: number }[];
}

export const digestAt = (digests: Uint8Array, row: number): Uint8Array =>
  digests.subarray(row * SHORT_DIGEST_BYTES, (row + 1) * SHORT_DIGEST_BYTES);

const rowsIn = (digests: Uint8Array): number => digests.length / SHORT_DIGEST_BYTES;

/**
 * One digest a row over all entity keys; no entity where any is missing or there are no keys.
 * @param keys the digests of each key.
 */
export function entityDigests(keys: readonly Uint8Array[], rows: number): Uint8Array {
  const [only, ...others] = keys;
  if (only && others.length === 0 && only.length > 0) return only;
  const digests = new Uint8Array(rows * SHORT_DIGEST_BYTES);
  if (keys.length === 0 || keys.some((key) => key.length === 0)) return digests;
  for (let row = 0; row < rows; row++) {
    const parts = keys.map((key) => digestAt(key, row));
    if (parts.every(hasEntity))
      digestAt(digests, row).set(
        hash('sha256', Buffer.concat(parts), 'buffer').subarray(0, SHORT_DIGEST_BYTES),
      );
  }
  return digests;
}

/** What two versions differ by: as multisets of rows, then by the entity that a left-over row is about. */
export function differenceOf(
  before: { readonly rows: Uint8Array; readonly entities: Uint8Array },
  after: { readonly rows: Uint8Array; readonly entities: Uint8Array },
): RowDifference {
  const known = DigestTable.from(before.rows);
  const left = new Int32Array(rowsIn(before.rows));
  for (let row = 0; row < left.length; row++) take(left, firstOf(known, before.rows, row), 1);
  const unmatched: number[] = [];
  for (let row = 0; row < rowsIn(after.rows); row++) {
    const first = firstOf(known, after.rows, row);
    if (first < 0 || (left[first] ?? 0) === 0) unmatched.push(row);
    else take(left, first, -1);
  }
  const missing: number[] = [];
  for (let row = 0; row < rowsIn(before.rows); row++) {
    const first = firstOf(known, before.rows, row);
    if ((left[first] ?? 0) === 0) continue;
    take(left, first, -1);
    missing.push(row);
  }
  const unchanged = rowsIn(after.rows) - unmatched.length;
  return { unchanged, ...pairUp(missing, before.entities, unmatched, after.entities) };
}

const firstOf = (known: DigestTable, digests: Uint8Array, row: number): number =>
  known.find(digestAt(digests, row)) ?? -1;

function take(counts: Int32Array, at: number, by: number): void {
  counts[at] = (counts[at] ?? 0) + by;
}

function pairUp(
  missing: readonly number[],
  entitiesBefore: Uint8Array,
  unmatched: readonly number[],
  entitiesAfter: Uint8Array,
): Omit<RowDifference, 'unchanged'> {
  const known = new DigestTable();
  const waiting = new Map<number, number[]>();
  missing.forEach((row, at) => {
    const first = known.add(digestAt(entitiesBefore, row)) ?? at;
    waiting.set(first, [...(waiting.get(first) ?? []), row]);
  });
  const changed: { before: number; after: number }[] = [];
  const added: number[] = [];
  for (const row of unmatched) {
    const entity = digestAt(entitiesAfter, row);
    const first = hasEntity(entity) ? known.find(entity) : undefined;
    const before = first === undefined ? undefined : waiting.get(first)?.shift();
    if (before === undefined) added.push(row);
    else changed.push({ before, after: row });
  }
  const gone = new Set(changed.map((pair) => pair.before));
  return { added, removed: missing.filter((row) => !gone.has(row)), changed };
}
