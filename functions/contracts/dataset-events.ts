import * as z from 'zod/mini';
import {
  DatasetDigest,
  DatasetVersion,
  FileReading,
  LeakageFinding,
  PointerName,
} from './dataset.ts';
import { EVENT_DETAIL } from './event-bus.ts';

/** A file became a dataset version, or was found to be one that was there already. */
export const DatasetImported = z.object({
  ...EVENT_DETAIL,
  importId: z.string(),
  version: DatasetVersion,
  /** SHA-256 of the uploaded file, for provenance. */
  fileDigest: z.string(),
  importedBy: z.string(),
});
export type DatasetImported = z.infer<typeof DatasetImported>;

/** A file was refused; nothing of it was kept. */
export const ImportFailed = z.object({
  ...EVENT_DETAIL,
  importId: z.string(),
  reason: z.string(),
  faultyRows: z.int(),
  file: z.optional(FileReading),
  importedBy: z.string(),
});
export type ImportFailed = z.infer<typeof ImportFailed>;

/** Everyone's training or validation set is another one from now on. */
export const PointerMoved = z.object({
  ...EVENT_DETAIL,
  pointer: PointerName,
  epoch: z.int(),
  digest: DatasetDigest,
  /** Absent at the first move. */
  previousDigest: z.optional(DatasetDigest),
  movedBy: z.string(),
  reason: z.string(),
  findings: z.array(LeakageFinding),
  override: z.optional(z.object({ reason: z.string() })),
});
export type PointerMoved = z.infer<typeof PointerMoved>;

/** Recorded predictions with matured outcomes became a dataset version. */
export const SnapshotTaken = z.object({
  ...EVENT_DETAIL,
  snapshotId: z.string(),
  purpose: PointerName,
  version: DatasetVersion,
  takenBy: z.string(),
});
export type SnapshotTaken = z.infer<typeof SnapshotTaken>;

/** Detail-types of the facts above. */
export const DATASET_EVENTS = {
  imported: 'DatasetImported',
  importFailed: 'ImportFailed',
  pointerMoved: 'PointerMoved',
  snapshotTaken: 'SnapshotTaken',
} as const;
