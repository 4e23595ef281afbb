import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import type { ColumnProfile, DatasetProfile } from '../contracts/dataset-profile.ts';
import { profilerOf } from '../measures/profile.ts';
import type { ParquetFile } from '../runtime/parquet-file.ts';

/** The profile of a stored dataset, one column in memory at a time. */
export async function profileDataset(
  parquet: ParquetFile,
  columns: readonly DatasetColumn[],
): Promise<DatasetProfile> {
  const stored = columns.filter(({ name }) => parquet.columns.includes(name));
  const profiles: ColumnProfile[] = [];
  for (const column of stored) profiles.push(await profileColumn(parquet, column));
  return { rows: parquet.rows, columns: profiles };
}

async function profileColumn(parquet: ParquetFile, column: DatasetColumn): Promise<ColumnProfile> {
  const profiler = profilerOf(column, parquet.rows);
  for (const group of parquet.groups) {
    const cells = await parquet.readColumn(column.name, group);
    for (let at = 0; at < cells.length; at++) profiler.add((cells[at] ?? null) as CellValue);
  }
  return profiler.finish();
}
