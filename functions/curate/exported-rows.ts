import { createWriteStream } from 'node:fs';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { CellValue, DatasetColumn } from '../contracts/dataset-columns.ts';
import type { ParquetFile } from '../runtime/parquet-file.ts';
import type { ExportFormat } from './dataset-requests.ts';
import { canonicalRows } from './row-digests.ts';

export type TextFormat = Exclude<ExportFormat, 'parquet'>;

const ROWS_A_CHUNK = 1000;
/** What spreadsheets take for a formula, a tab and a carriage return included (OWASP, CSV injection). */
const FORMULA = /^[=+\-@\t\r]/;

/** RFC 4180: quoted where it must be; what is missing is empty, since a present text never is. */
export function csvCell(value: CellValue, isForSpreadsheets: boolean): string {
  if (value === null) return '';
  if (typeof value !== 'string') return String(value);
  const text = isForSpreadsheets && FORMULA.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

/**
 * Writes a stored dataset as text. Read back it is the same dataset, to the digest; not so the form for
 * spreadsheets, which changes texts on purpose.
 */
export async function exportRows(
  parquet: ParquetFile,
  columns: readonly DatasetColumn[],
  format: TextFormat,
  path: string,
): Promise<void> {
  const stored = columns.filter(({ name }) => parquet.columns.includes(name));
  await pipeline(
    Readable.from(textOf(parquet, stored, format), { objectMode: false }),
    createWriteStream(path),
  );
}

async function* textOf(
  parquet: ParquetFile,
  columns: readonly DatasetColumn[],
  format: TextFormat,
): AsyncGenerator<string> {
  const names = columns.map(({ name }) => name);
  const line = lineWriter(columns, format);
  if (format !== 'json-lines') yield `${names.join(',')}\n`;
  for (const group of parquet.groups) {
    const cells = await parquet.readColumns(names, group);
    for (let from = 0; from < group.rows; from += ROWS_A_CHUNK) {
      const rows = Array.from({ length: Math.min(ROWS_A_CHUNK, group.rows - from) }, (_, at) =>
        line(cells.map((column) => (column[from + at] ?? null) as CellValue)),
      );
      yield `${rows.join('\n')}\n`;
    }
  }
}

function lineWriter(
  columns: readonly DatasetColumn[],
  format: TextFormat,
): (values: readonly CellValue[]) => string {
  if (format === 'json-lines') return canonicalRows(columns);
  const isForSpreadsheets = format === 'csv-for-spreadsheets';
  return (values) => values.map((value) => csvCell(value, isForSpreadsheets)).join(',');
}
