import { DatabaseSync, type SQLInputValue } from 'node:sqlite';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import { ARCHIVE_COLUMNS, type ArchiveTable } from '../../functions/contracts/archive.ts';
import { SAVED_QUERIES } from '../../infra/archive-queries.ts';
import type { RunningStack } from './running-stack.ts';

export type ArchivedRecord = Readonly<Record<string, unknown>>;

/** Every row of a table of the archive, repeated ones too, as Athena would read them. */
export async function archived(
  stack: RunningStack,
  table: ArchiveTable,
): Promise<ArchivedRecord[]> {
  const s3 = new S3Client({
    endpoint: stack.endpoint,
    region: stack.place.region,
    credentials: stack.operator,
    forcePathStyle: true,
  });
  const bucket = stack.graph.resources.find(
    ({ type, logicalId }) => type === 'AWS::S3::Bucket' && logicalId.startsWith('Archive'),
  );
  const Bucket = bucket?.ref ?? '';
  const rows: ArchivedRecord[] = [];
  let ContinuationToken: string | undefined;
  do {
    const page = await s3.send(
      new ListObjectsV2Command({
        Bucket,
        Prefix: `${table}/`,
        ...(ContinuationToken && { ContinuationToken }),
      }),
    );
    for (const { Key } of page.Contents ?? []) {
      const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
      const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
      const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
      const [, model, day] = /model=([^/]+)\/day=([^/]+)\//.exec(Key ?? '') ?? [];
      for (const row of await parquetReadObjects({ file: file as ArrayBuffer }))
        rows.push({ ...row, model, day });
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return rows;
}

/** Ids of the predictions that a table of the archive knows of. */
export async function archivedIds(
  stack: RunningStack,
  table: ArchiveTable,
): Promise<ReadonlySet<string>> {
  const rows = await archived(stack, table);
  return new Set(rows.map((row) => String(row['prediction_id'])));
}

type Rows = { readonly [Table in ArchiveTable]?: readonly ArchivedRecord[] };

/**
 * What a saved query answers for a model and day. SQLite knows the same window functions; only the partition
 * that the query names as an example is another.
 */
export function askSaved(
  id: (typeof SAVED_QUERIES)[number]['id'],
  rows: Rows,
  { model, day }: { readonly model: string; readonly day: string },
): ArchivedRecord[] {
  using database = new DatabaseSync(':memory:');
  for (const [table, columns] of Object.entries(ARCHIVE_COLUMNS)) {
    const names = ['model', 'day', ...Object.keys(columns)];
    database.exec(`CREATE TABLE ${table} (${names.map((name) => `"${name}"`).join()})`);
    const insert = database.prepare(`INSERT INTO ${table} VALUES (${names.map(() => '?').join()})`);
    for (const row of rows[table as ArchiveTable] ?? [])
      insert.run(...names.map((name) => cellOf(row[name])));
  }
  const query = SAVED_QUERIES.find((each) => each.id === id);
  const sql = (query?.sql ?? '').replaceAll('a-model', model).replaceAll('2026-11-23', day);
  return database.prepare(sql).all();
}

function cellOf(value: unknown): SQLInputValue {
  if (value === undefined || value === null) return null;
  if (typeof value === 'boolean') return value ? 1 : 0;
  if (typeof value === 'string' || typeof value === 'number') return value;
  throw new Error(`the archive has no column for ${JSON.stringify(value)}`);
}
