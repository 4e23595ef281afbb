import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import type { ArchiveTable } from '../../functions/contracts/archive.ts';
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
      rows.push(...(await parquetReadObjects({ file: file as ArrayBuffer })));
    }
    ContinuationToken = page.NextContinuationToken;
  } while (ContinuationToken);
  return rows;
}

/** One row of each key, the largest by `rank`: what the saved queries keep. */
export function once(
  rows: readonly ArchivedRecord[],
  keyOf: (row: ArchivedRecord) => string,
  rankOf: (row: ArchivedRecord) => number = () => 0,
): Map<string, ArchivedRecord> {
  const kept = new Map<string, ArchivedRecord>();
  for (const row of rows) {
    const before = kept.get(keyOf(row));
    if (!before || rankOf(row) > rankOf(before)) kept.set(keyOf(row), row);
  }
  return kept;
}
