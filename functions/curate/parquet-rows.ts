import type { AsyncBuffer } from 'hyparquet';
import { LIMITS } from '../contracts/limits.ts';
import { openParquet, type ParquetFile } from '../runtime/parquet-file.ts';
import { readTyped } from './cell-reading.ts';
import type { ColumnPlan } from './column-plan.ts';
import { FileRefused } from './refusal.ts';
import type { FileRow, RowSource } from './row-source.ts';

const ROWS_A_BATCH = 1000;

/** @throws FileRefused for what is no Parquet, has nested columns, or row groups too large to hold. */
export async function parquetRows(file: AsyncBuffer, plan: ColumnPlan): Promise<RowSource> {
  const parquet = await openOrRefuse(file);
  const places = plan.match(parquet.columns);
  const used = parquet.columns.filter((_, at) => places.includes(at));
  const nested = parquet.nested.filter((name) => used.includes(name));
  if (nested.length > 0)
    throw new FileRefused(
      `${nested.join(', ')}: lists, maps and structures are no cells; write one value a column`,
    );
  const large = parquet.groups.find(({ bytes }) => bytes > LIMITS.parquetRowGroupBytes);
  if (large)
    throw new FileRefused(
      `a row group has ${large.bytes} bytes, and one is held in memory at a time: write row groups of at most ${LIMITS.parquetRowGroupBytes} bytes`,
    );
  return {
    reading: { format: 'parquet' },
    places: places.map((at) => (at < 0 ? at : used.indexOf(parquet.columns[at] ?? ''))),
    readCell: readTyped,
    batches: () => readBatches(parquet, used),
  };
}

async function openOrRefuse(file: AsyncBuffer): Promise<ParquetFile> {
  try {
    return await openParquet(file);
  } catch (error) {
    throw notParquet(error);
  }
}

/** The library throws plain errors for damaged files, so nothing tells them from its own faults. */
const notParquet = (error: unknown): FileRefused =>
  new FileRefused(
    `the file begins like Parquet and cannot be read as such: ${error instanceof Error ? error.message : String(error)}`,
    { cause: error },
  );

async function* readBatches(
  parquet: ParquetFile,
  used: readonly string[],
): AsyncGenerator<readonly FileRow[]> {
  for (const group of parquet.groups) {
    const columns = await parquet.readColumns(used, group).catch((error: unknown) => {
      throw notParquet(error);
    });
    for (let from = 0; from < group.rows; from += ROWS_A_BATCH) {
      const rows = Math.min(ROWS_A_BATCH, group.rows - from);
      yield Array.from({ length: rows }, (_, at) => columns.map((cells) => cells[from + at]));
    }
  }
}
