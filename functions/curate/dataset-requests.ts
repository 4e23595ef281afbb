import * as z from 'zod/mini';
import { DatasetDigest, PointerName } from '../contracts/dataset.ts';
import { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import { strictObject } from '../contracts/strict-object.ts';

const Text = z.string().check(z.maxLength(LIMITS.textCharacters));
const Reason = Text.check(z.minLength(1));
const ColumnName = z.string().check(z.maxLength(200));

/** Asks for places to PUT a file's parts to. The size is checked by its own rule, which has advice. */
export const UploadRequest = strictObject({ sizeBytes: z.int().check(z.gte(1)) });

/** Makes an uploaded file a dataset version. */
export const ImportRequest = strictObject({
  uploadId: z.string().check(z.regex(/^[0-9a-f-]{36}$/)),
  description: z._default(Text, ''),
  /** The file's name of a column → the spec's, or null to leave it out. */
  columns: z._default(z.record(ColumnName, z.nullable(ColumnName)), {}),
});

export const PointerMoveRequest = strictObject({
  digest: DatasetDigest,
  /** The epoch that was seen; 0 where the pointer was never set. */
  expectedEpoch: z.int().check(z.gte(0)),
  reason: Reason,
  /** Moves it although the sets share what they must not, and says why that is right. */
  override: z.optional(strictObject({ reason: Reason })),
});

/** Makes a dataset version of what was recorded and has matured. */
export const SnapshotRequest = strictObject({
  purpose: PointerName,
  from: Instant,
  /** Not included. */
  to: Instant,
  /** Rows at the most; of a ranking, queries. */
  units: z.int().check(z.gte(1), z.lte(LIMITS.snapshotUnits)),
  /** The same seed draws the same sample. */
  seed: z._default(z.int().check(z.gte(0), z.lte(2 ** 31)), 0),
  description: z._default(Text, ''),
});

/** What rows can be downloaded as. For spreadsheets, texts that would run as formulas begin with `'`. */
export const ExportFormat = z.enum(['parquet', 'csv', 'json-lines', 'csv-for-spreadsheets']);
export type ExportFormat = z.infer<typeof ExportFormat>;
