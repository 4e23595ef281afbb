import * as z from 'zod/mini';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';

/**
 * SHA-256, lower-case hex, over the canonical rows in order, each followed by a line feed: what `sha256sum`
 * says of the version's JSON export. The identity of a dataset version.
 */
export const DatasetDigest = z
  .string()
  .check(z.regex(/^[0-9a-f]{64}$/))
  .brand('DatasetDigest');
export type DatasetDigest = z.infer<typeof DatasetDigest>;

/** The same for equal rows in any order; not an identity, since it is easier to forge than a SHA-256. */
export const RowsDigest = z
  .string()
  .check(z.regex(/^[0-9a-f]{64}-[0-9]+$/))
  .brand('RowsDigest');
export type RowsDigest = z.infer<typeof RowsDigest>;

export const DatasetFormat = z.enum(['csv', 'parquet', 'json-lines']);
export type DatasetFormat = z.infer<typeof DatasetFormat>;

/** What the file turned out to be; detected, and stated so that a wrong guess is seen. */
export const FileReading = z.object({
  format: DatasetFormat,
  /** By the names of the WHATWG Encoding Standard; text formats only. */
  encoding: z.optional(z.string()),
  /** `guess` where neither a byte-order mark nor valid UTF-8 settled it. */
  encodingBy: z.optional(z.enum(['byte-order mark', 'valid UTF-8', 'guess'])),
  delimiter: z.optional(z.string()),
});
export type FileReading = z.infer<typeof FileReading>;

const DatasetSource = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('import'), importId: z.string(), file: FileReading }),
  z.object({
    kind: z.literal('snapshot'),
    snapshotId: z.string(),
    /** Predictions of this window, end excluded. */
    from: Instant,
    to: Instant,
    seed: z.int(),
    /** Rows that met the conditions, of which this set is a sample. */
    eligibleRows: z.int(),
  }),
]);

/** Rows that never change. Not strict, as routes are not: older code reads what newer code has written. */
export const DatasetVersion = z.object({
  model: ModelName,
  digest: DatasetDigest,
  rowsDigest: RowsDigest,
  rows: z.int(),
  /** Rows that repeat an earlier one in every value. */
  duplicateRows: z.int(),
  /** Of the stored Parquet. */
  sizeBytes: z.int(),
  source: DatasetSource,
  description: z.string(),
  createdAt: Instant,
  createdBy: z.string(),
});
export type DatasetVersion = z.infer<typeof DatasetVersion>;

/** What everyone trains on, and what everyone is judged on. */
export const PointerName = z.enum(['training', 'validation']);
export type PointerName = z.infer<typeof PointerName>;

/** What training and validation must not share; rows count from 1. */
export const LeakageFinding = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('shared-rows'),
    /** Validation rows that training has too. */
    count: z.int(),
    examples: z.array(z.object({ trainingRow: z.int(), validationRow: z.int() })),
  }),
  z.object({
    kind: z.literal('shared-entities'),
    /** The feature of the spec's `entityKeys`. */
    key: z.string(),
    /** Validation rows about an entity that training has too. */
    count: z.int(),
    examples: z.array(z.object({ trainingRow: z.int(), validationRow: z.int() })),
  }),
  z.object({
    kind: z.literal('unchecked-entities'),
    /** The feature that is an entity key since one of the sets was made. */
    key: z.string(),
    /** Whose set that is. */
    of: z.array(PointerName),
  }),
  z.object({
    kind: z.literal('time-order'),
    /** The spec's first timestamp feature. */
    feature: z.string(),
    trainingUntil: Instant,
    validationFrom: Instant,
  }),
]);
export type LeakageFinding = z.infer<typeof LeakageFinding>;

/** Where a pointer stands; changed by compare-and-set of `epoch`, and each move is kept. */
export const Pointer = z.object({
  model: ModelName,
  pointer: PointerName,
  epoch: z.int().check(z.gte(1)),
  digest: DatasetDigest,
  movedAt: Instant,
  movedBy: z.string(),
  reason: z.string(),
  findings: z.array(LeakageFinding),
  /** Why the findings do not matter; absent when there were none. */
  override: z.optional(z.object({ reason: z.string() })),
});
export type Pointer = z.infer<typeof Pointer>;

/** Objects of a version in the dataset bucket; the digest makes each immutable. */
export const datasetPrefix = (model: string, digest: DatasetDigest): string =>
  `datasets/${model}/${digest}/`;
export const datasetRowsKey = (model: string, digest: DatasetDigest): string =>
  `${datasetPrefix(model, digest)}rows.parquet`;
export const datasetProfileKey = (model: string, digest: DatasetDigest): string =>
  `${datasetPrefix(model, digest)}profile.json`;
