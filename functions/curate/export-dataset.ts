import { mkdtemp, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { DatasetDigest } from '../contracts/dataset.ts';
import { datasetColumns } from '../contracts/dataset-columns.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ExportFormat } from './dataset-requests.ts';
import type { DatasetStore } from './dataset-store.ts';
import { exportRows } from './exported-rows.ts';

/** File name of an export. */
export const EXPORT_NAMES = {
  csv: 'rows.csv',
  'json-lines': 'rows.jsonl',
  'csv-for-spreadsheets': 'rows-for-spreadsheets.csv',
} as const;

export interface Exporter {
  readonly specs: readonly ModelSpec[];
  readonly store: DatasetStore;
  readonly disk: string;
}

/** Writes a version's rows as text beside the datasets, where they stay for a week. Repeating it is safe. */
export async function runExport(
  { model, digest, format }: { model: string; digest: DatasetDigest; format: ExportFormat },
  { specs, store, disk }: Exporter,
): Promise<void> {
  const spec = specs.find(({ name }) => name === model);
  if (!spec) throw new Error(`no model is named ${model}`);
  if (format === 'parquet')
    throw new Error('rows are stored as Parquet: there is nothing to write');
  const folder = await mkdtemp(join(disk, 'export-'));
  try {
    const path = join(folder, 'rows');
    await exportRows(await store.openRows(model, digest), datasetColumns(spec), format, path);
    const { size } = await stat(path);
    await store.putExport(model, digest, EXPORT_NAMES[format], path, size);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
