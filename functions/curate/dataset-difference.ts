import type { DatasetVersion } from '../contracts/dataset.ts';
import type { CellValue } from '../contracts/dataset-columns.ts';
import type { ColumnProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ParquetFile } from '../runtime/parquet-file.ts';
import { ROW_DIGESTS } from './dataset-build.ts';
import type { DatasetStore } from './dataset-store.ts';
import { differenceOf, entityDigests } from './row-difference.ts';

type Row = Readonly<Record<string, CellValue>>;
type NumberedRow = { readonly row: number; readonly values: Row };

export interface DatasetDifference {
  readonly before: string;
  readonly after: string;
  readonly rows: {
    readonly unchanged: number;
    readonly added: number;
    readonly removed: number;
    readonly changed: number;
  };
  /** The first of each; rows count from 1. Features that the spec keeps out of the log are left out. */
  readonly examples: {
    readonly added: readonly NumberedRow[];
    readonly removed: readonly NumberedRow[];
    readonly changed: readonly {
      readonly before: number;
      readonly after: number;
      readonly changes: Readonly<Record<string, { from: CellValue; to: CellValue }>>;
    }[];
  };
  readonly columns: readonly {
    readonly name: string;
    readonly before: ColumnProfile | null;
    readonly after: ColumnProfile | null;
  }[];
}

/** Two versions of a model's data side by side. */
export async function compareDatasets(
  spec: ModelSpec,
  before: DatasetVersion,
  after: DatasetVersion,
  store: DatasetStore,
): Promise<DatasetDifference> {
  const { unchanged, added, removed, changed } = differenceOf(
    await readDigests(spec, before, store),
    await readDigests(spec, after, store),
  );
  const first = <Each>(all: readonly Each[]) => all.slice(0, LIMITS.datasetExamples);
  const pairs = first(changed);
  const rowsBefore = await readRows(spec, before, store, [
    ...first(removed),
    ...pairs.map((pair) => pair.before),
  ]);
  const rowsAfter = await readRows(spec, after, store, [
    ...first(added),
    ...pairs.map((pair) => pair.after),
  ]);
  const numbered = (rows: ReadonlyMap<number, Row>) => (row: number) => ({
    row: row + 1,
    values: rows.get(row) ?? {},
  });
  return {
    before: before.digest,
    after: after.digest,
    rows: {
      unchanged,
      added: added.length,
      removed: removed.length,
      changed: changed.length,
    },
    examples: {
      added: first(added).map(numbered(rowsAfter)),
      removed: first(removed).map(numbered(rowsBefore)),
      changed: pairs.map((pair) => ({
        before: pair.before + 1,
        after: pair.after + 1,
        changes: changesOf(rowsBefore.get(pair.before) ?? {}, rowsAfter.get(pair.after) ?? {}),
      })),
    },
    columns: await sideBySide(before, after, store),
  };
}

async function readDigests(
  { name, entityKeys }: ModelSpec,
  { digest, rows }: DatasetVersion,
  store: DatasetStore,
) {
  const keys: Uint8Array[] = [];
  // Without digests of a key no row has an entity, and rows are told apart by their content alone.
  const digestsOf = async (key: string) =>
    (await store.readDigests(name, digest, key)) ?? new Uint8Array();
  for (const key of entityKeys) keys.push(await digestsOf(key));
  return {
    rows: await digestsOf(ROW_DIGESTS),
    entities: entityDigests(keys, rows),
  };
}

async function readRows(
  { name, features }: ModelSpec,
  { digest }: DatasetVersion,
  store: DatasetStore,
  rows: readonly number[],
): Promise<ReadonlyMap<number, Row>> {
  if (rows.length === 0) return new Map();
  const hidden = new Set(features.filter(({ log }) => log !== 'plain').map((each) => each.name));
  const parquet = await store.openRows(name, digest);
  return rowsAt(
    parquet,
    parquet.columns.filter((column) => !hidden.has(column)),
    rows,
  );
}

/** Only the row groups that hold any of the rows are read. */
async function rowsAt(
  parquet: ParquetFile,
  names: readonly string[],
  rows: readonly number[],
): Promise<ReadonlyMap<number, Row>> {
  const found = new Map<number, Row>();
  for (const group of parquet.groups) {
    const within = rows.filter((row) => row >= group.start && row < group.start + group.rows);
    if (within.length === 0) continue;
    const cells = await parquet.readColumns(names, group);
    for (const row of within)
      found.set(
        row,
        Object.fromEntries(
          names.map((name, at) => [name, (cells[at]?.[row - group.start] ?? null) as CellValue]),
        ),
      );
  }
  return found;
}

function changesOf(before: Row, after: Row) {
  const names = new Set([...Object.keys(before), ...Object.keys(after)]);
  const pairs = [...names].map((name) => {
    const change = { from: before[name] ?? null, to: after[name] ?? null };
    return [name, change] as const;
  });
  return Object.fromEntries(pairs.filter(([, { from, to }]) => from !== to));
}

async function sideBySide(before: DatasetVersion, after: DatasetVersion, store: DatasetStore) {
  const one = (await store.readProfile(before.model, before.digest)).columns;
  const other = (await store.readProfile(after.model, after.digest)).columns;
  const names = new Set([...one, ...other].map(({ name }) => name));
  const of = (columns: readonly ColumnProfile[], name: string) =>
    columns.find((column) => column.name === name) ?? null;
  return [...names].map((name) => ({ name, before: of(one, name), after: of(other, name) }));
}
