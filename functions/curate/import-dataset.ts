import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { asyncBufferFromFile } from 'hyparquet';
import type { DatasetVersion } from '../contracts/dataset.ts';
import { hashedEntityKeys } from '../contracts/dataset-columns.ts';
import {
  DATASET_EVENTS,
  type DatasetImported,
  type ImportFailed,
} from '../contracts/dataset-events.ts';
import type { BusEvent } from '../contracts/event-bus.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Clock } from '../runtime/clock.ts';
import type { EventPublisher } from '../runtime/event-publisher.ts';
import { openParquet } from '../runtime/parquet-file.ts';
import type { BuiltDataset, EntityHashing } from './dataset-build.ts';
import { profileDataset } from './dataset-profiling.ts';
import type { DatasetStore } from './dataset-store.ts';
import type { DatasetTable } from './dataset-table.ts';
import { type FileVerdict, importFile } from './import-file.ts';
import type { ImportRecord } from './import-record.ts';

export interface Importer {
  readonly specs: readonly ModelSpec[];
  readonly store: DatasetStore;
  readonly table: DatasetTable;
  readonly events: EventPublisher;
  readonly clock: Clock;
  /** Where a file and its Parquet form have room. */
  readonly disk: string;
  /** Serving's hash, asked for where a spec has entity keys that are logged hashed. */
  readonly logHash: () => Promise<EntityHashing['hash']>;
}

/**
 * Does what an import asked for. Killed anywhere and repeated it ends the same: rows lie under their digest,
 * records are written after what they speak of, and the event is put again rather than lost.
 */
export async function runImport(
  { model, importId }: { model: string; importId: string },
  importer: Importer,
): Promise<void> {
  const record = await importer.table.findImport(model, importId);
  if (!record) throw new Error(`nobody asked for the import ${importId} of ${model}`);
  const finished = record.state.kind === 'running' ? await work(record, importer) : record;
  await importer.events.publish([await eventOf(finished, importer)]);
}

async function work(record: ImportRecord, importer: Importer): Promise<ImportRecord> {
  const { specs, store, table, clock, disk } = importer;
  const { model, uploadId } = record;
  const spec = specs.find(({ name }) => name === model);
  if (!spec) throw new Error(`no model is named ${model}`);
  // An import that cannot have it fails and is tried again: a set without it would seem to share nothing.
  const hash = hashedEntityKeys(spec).length > 0 ? await importer.logHash() : undefined;
  const folder = await mkdtemp(join(disk, 'import-'));
  try {
    const upload = join(folder, 'upload');
    const fileDigest = await store.downloadUpload(model, uploadId, upload);
    const verdict = await importFile(upload, spec, folder, { columns: record.columns, hash });
    if (verdict.kind === 'refused') return await refuse(record, verdict, importer);
    const { digest } = await keepDataset(spec, verdict.dataset, draftOf(record, verdict), importer);
    const state = { kind: 'imported', digest, fileDigest, finishedAt: clock.now() } as const;
    return await table.finishImport(record, state);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

const refuse = (
  record: ImportRecord,
  { reason, reading, faultyRows, listed }: Extract<FileVerdict, { kind: 'refused' }>,
  { table, clock }: Importer,
): Promise<ImportRecord> =>
  table.finishImport(record, {
    kind: 'refused',
    reason,
    ...(reading && { file: reading }),
    faultyRows,
    listed: listed.map(({ row, faults }) => ({ row, faults: [...faults] })),
    finishedAt: clock.now(),
  });

type Draft = Pick<DatasetVersion, 'source' | 'description' | 'createdBy'>;

const draftOf = (
  { importId, description, requestedBy }: ImportRecord,
  { reading }: Extract<FileVerdict, { kind: 'accepted' }>,
): Draft => ({
  source: { kind: 'import', importId, file: reading },
  description,
  createdBy: requestedBy,
});

/** Stores a dataset that was built here, and then its version; the one that is there already wins. */
export async function keepDataset(
  { name: model }: ModelSpec,
  dataset: BuiltDataset,
  draft: Draft,
  { store, table, clock }: Pick<Importer, 'store' | 'table' | 'clock'>,
): Promise<DatasetVersion> {
  const { digest, rowsDigest, rows, duplicateRows, sizeBytes, columns, file } = dataset;
  const known = await table.find(model, digest);
  if (known) {
    await store.keepDigests(model, dataset);
    return known;
  }
  const parquet = await openParquet(await asyncBufferFromFile(file));
  await store.keep(model, dataset, await profileDataset(parquet, columns));
  return table.add({
    model,
    digest,
    rowsDigest,
    rows,
    duplicateRows,
    sizeBytes,
    ...draft,
    createdAt: clock.now(),
  });
}

async function eventOf(
  { model, importId, requestedBy, state }: ImportRecord,
  { table }: Importer,
): Promise<BusEvent<DatasetImported | ImportFailed>> {
  switch (state.kind) {
    case 'running':
      throw new Error(`import ${importId} has not ended`);
    case 'refused': {
      const { reason, faultyRows, file, finishedAt: at } = state;
      const detail = { at, model, importId, reason, faultyRows, importedBy: requestedBy };
      return { type: DATASET_EVENTS.importFailed, detail: { ...detail, ...(file && { file }) } };
    }
    case 'imported': {
      const { digest, fileDigest, finishedAt: at } = state;
      const version = await table.find(model, digest);
      if (!version) throw new Error(`dataset ${digest} of ${model} has no version`);
      return {
        type: DATASET_EVENTS.imported,
        detail: { at, model, importId, version, fileDigest, importedBy: requestedBy },
      };
    }
  }
}
