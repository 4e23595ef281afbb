import { createReadStream } from 'node:fs';
import { open } from 'node:fs/promises';
import { asyncBufferFromFile } from 'hyparquet';
import type { FileReading } from '../contracts/dataset.ts';
import { datasetColumns, hashedEntityKeys } from '../contracts/dataset-columns.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { type ColumnNames, ColumnPlan } from './column-plan.ts';
import { csvRows } from './csv-rows.ts';
import {
  type BuildOptions,
  type BuiltDataset,
  DatasetBuild,
  type EntityHashing,
} from './dataset-build.ts';
import { jsonRows } from './json-rows.ts';
import { parquetRows } from './parquet-rows.ts';
import { FileRefused, UnreadableRow } from './refusal.ts';
import { type CellFault, RowChecker } from './row-check.ts';
import type { RowSource } from './row-source.ts';
import {
  EncodingCheck,
  faultyLine,
  guessEncoding,
  readBeginning,
  type TextReading,
} from './text-encoding.ts';

/** A row of the file, counted from 1 below the header, and everything that is wrong with it. */
export interface FaultyRow {
  readonly row: number;
  readonly faults: readonly CellFault[];
}

export type FileVerdict =
  | { readonly kind: 'accepted'; readonly reading: FileReading; readonly dataset: BuiltDataset }
  | {
      readonly kind: 'refused';
      readonly reason: string;
      readonly reading?: FileReading;
      readonly faultyRows: number;
      /** The first of them, as many as an answer holds. */
      readonly listed: readonly FaultyRow[];
    };

export interface ImportOptions {
  readonly columns?: ColumnNames;
  /** Serving's, for a spec with entity keys that are logged hashed. */
  readonly hash?: EntityHashing['hash'] | undefined;
}

const CHUNK_BYTES = 1024 * 1024;

/**
 * Reads a file of rows against the spec of its model and builds the dataset in `folder`. One pass over the
 * bytes settles the encoding, one reads the rows; memory does not follow the size of the file but for the
 * digests of its rows.
 * @throws without a hash where entities could not be compared with those of snapshots.
 */
export async function importFile(
  path: string,
  spec: ModelSpec,
  folder: string,
  options: ImportOptions = {},
): Promise<FileVerdict> {
  const hashing = hashingOf(spec, options);
  let reading: FileReading | undefined;
  try {
    const plan = new ColumnPlan(datasetColumns(spec), options.columns);
    const source = await openSource(path, plan);
    reading = source.reading;
    return await readRows(source, plan, spec, { folder, hashing });
  } catch (error) {
    if (!(error instanceof FileRefused)) throw error;
    const { message: reason } = error;
    return { kind: 'refused', reason, faultyRows: 0, listed: [], ...(reading && { reading }) };
  }
}

function hashingOf(spec: ModelSpec, { hash }: ImportOptions): EntityHashing | undefined {
  const keys = hashedEntityKeys(spec);
  if (keys.length === 0) return undefined;
  if (!hash)
    throw new Error(
      `${spec.name} logs ${keys.join(', ')} hashed, and there is no hash to compare by`,
    );
  return { keys, hash };
}

async function openSource(path: string, plan: ColumnPlan): Promise<RowSource> {
  const first = await bytesAt(path, 0, CHUNK_BYTES);
  const beginning = readBeginning(first);
  if (beginning.kind === 'parquet') return parquetRows(await asyncBufferFromFile(path), plan);
  const text: TextReading =
    beginning.kind === 'text'
      ? await markedEncoding(path, beginning.encoding)
      : await detectEncoding(path);
  const openText = () => chunksOf(path);
  const [start = ''] = /\S/u.exec(new TextDecoder(text.encoding).decode(first)) ?? [];
  if (start === '[')
    throw new FileRefused('the file is a JSON array: write newline JSON, one object a line');
  return start === '{' ? jsonRows(openText, text, plan) : csvRows(openText, text, plan);
}

const chunksOf = (path: string) => createReadStream(path, { highWaterMark: CHUNK_BYTES });

/** @throws FileRefused where the file is not all in the encoding that its mark promises. */
async function markedEncoding(path: string, encoding: string): Promise<TextReading> {
  const faultyFrom = await firstFaulty(path, encoding);
  if (faultyFrom === undefined) return { encoding, encodingBy: 'byte-order mark' };
  const line = await faultyLine(chunksOf(path), encoding, faultyFrom);
  throw new FileRefused(
    `the byte-order mark says ${encoding}, but line ${line} of the file has bytes that are none: write all of it in one encoding`,
  );
}

async function detectEncoding(path: string): Promise<TextReading> {
  const faultyFrom = await firstFaulty(path, 'utf-8');
  if (faultyFrom === undefined) return { encoding: 'utf-8', encodingBy: 'valid UTF-8' };
  const sample = await bytesAt(path, faultyFrom, CHUNK_BYTES);
  return { encoding: guessEncoding(sample), encodingBy: 'guess' };
}

/** Where the first chunk begins that is not in the encoding; undefined where all are. */
async function firstFaulty(path: string, encoding: string): Promise<number | undefined> {
  const check = new EncodingCheck(encoding);
  for await (const chunk of chunksOf(path)) check.add(chunk as Uint8Array);
  return check.end();
}

async function bytesAt(path: string, start: number, length: number): Promise<Uint8Array> {
  const file = await open(path);
  try {
    const { buffer, bytesRead } = await file.read(new Uint8Array(length), 0, length, start);
    return buffer.subarray(0, bytesRead);
  } finally {
    await file.close();
  }
}

async function readRows(
  source: RowSource,
  plan: ColumnPlan,
  spec: ModelSpec,
  into: Pick<BuildOptions, 'folder' | 'hashing'>,
): Promise<FileVerdict> {
  const { places, reading } = source;
  const ofQuery = spec.features.flatMap(({ name, of }) => (of === 'query' ? [name] : []));
  const checker = new RowChecker(plan.columns, source.readCell, ofQuery);
  const build = new DatasetBuild({
    columns: plan.columns,
    entityKeys: spec.entityKeys,
    ...into,
    isKept: (at) => (places[at] ?? -1) >= 0,
  });
  const listed: FaultyRow[] = [];
  let rows = 0;
  let faultyRows = 0;
  for await (const batch of source.batches())
    for (const fileRow of batch) {
      rows += 1;
      if (rows > LIMITS.datasetRows)
        throw new FileRefused(`the file has more than ${LIMITS.datasetRows} rows: take a sample`);
      const checked = checker.check(
        fileRow instanceof UnreadableRow ? fileRow : (at) => cellAt(fileRow, places[at]),
      );
      // After the first fault nothing is kept, and the rest is read for its faults only.
      if (checked.kind === 'row') {
        if (faultyRows === 0) build.add(checked.values);
        continue;
      }
      faultyRows += 1;
      if (listed.length < LIMITS.faultyRowsListed) listed.push(listedRow(rows, checked.faults));
    }
  if (rows === 0) throw new FileRefused('the file has no rows');
  if (faultyRows === 0) return { kind: 'accepted', reading, dataset: build.finish() };
  const reason = `${faultyRows} of ${rows} rows do not fit the spec of ${spec.name}; nothing was kept`;
  return { kind: 'refused', reason, reading, faultyRows, listed };
}

const listedRow = (row: number, faults: readonly CellFault[]): FaultyRow => ({
  row,
  faults: faults.slice(0, LIMITS.faultsOfRowListed).map(({ column, problem }) => ({
    ...(column !== undefined && { column }),
    problem: problem.slice(0, LIMITS.faultCharacters),
  })),
});

const cellAt = (row: readonly unknown[], place = -1): unknown =>
  place < 0 ? undefined : row[place];
