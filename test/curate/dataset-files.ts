import { mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { asyncBufferFromFile } from 'hyparquet';
import { featuresOf } from '../../functions/contracts/feature.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import {
  type FileVerdict,
  type ImportOptions,
  importFile,
} from '../../functions/curate/import-file.ts';
import { openParquet, type ParquetFile } from '../../functions/runtime/parquet-file.ts';
import { aModel } from '../builders/model-spec.ts';

const { boolean, category, identifier, number, timestamp } = featuresOf();
const optional = { required: false };

/** A regression with a feature of every kind; label `y`. */
export const everyKind: ModelSpec = aModel('kinds', {
  features: [
    identifier('orderId', 'The order.', optional),
    timestamp('orderedAt', 'When.', optional),
    number('a', 'km', [0, 1000], 'A number.', optional),
    number('b', 'kg', [-10, 10], 'Another.', optional),
    number('c', 'count', [0, 10], 'A third.', optional),
    boolean('isNew', 'A boolean.', optional),
    category('zone', ['north', 'south'], 'Free.', optional),
    category('size', ['s', 'm'], 'Closed.', { ...optional, unknown: 'refuse' }),
  ],
  entityKeys: ['orderId'],
});

export const temporaryFolder = (): string => mkdtempSync(join(tmpdir(), 'slipway-curate-'));

/** Imports content as a file of its own. */
export async function importContent(
  content: string | Uint8Array,
  spec: ModelSpec = everyKind,
  options: ImportOptions = {},
): Promise<FileVerdict> {
  const folder = temporaryFolder();
  const path = join(folder, 'upload');
  writeFileSync(path, content);
  return importFile(path, spec, folder, options);
}

export async function accepted(
  content: string | Uint8Array,
  spec?: ModelSpec,
  options?: ImportOptions,
) {
  const verdict = await importContent(content, spec, options);
  if (verdict.kind === 'accepted') return { ...verdict.dataset, reading: verdict.reading };
  throw new Error(`${verdict.reason} ${JSON.stringify(verdict.listed)}`);
}

export async function refused(
  content: string | Uint8Array,
  spec?: ModelSpec,
  options?: ImportOptions,
) {
  const verdict = await importContent(content, spec, options);
  if (verdict.kind === 'refused') return verdict;
  throw new Error('the file was accepted');
}

export const parquetOf = async (file: string): Promise<ParquetFile> =>
  openParquet(await asyncBufferFromFile(file));

/** The rows of a stored dataset as objects, without what is missing. */
export async function rowsOf(file: string): Promise<Record<string, unknown>[]> {
  const parquet = await parquetOf(file);
  const rows: Record<string, unknown>[] = [];
  for (const group of parquet.groups) {
    const cells = await parquet.readColumns(parquet.columns, group);
    for (let at = 0; at < group.rows; at++)
      rows.push(
        Object.fromEntries(
          parquet.columns.flatMap((name, column) => {
            const value = cells[column]?.[at] ?? null;
            return value === null ? [] : [[name, value]];
          }),
        ),
      );
  }
  return rows;
}
