import * as z from 'zod/mini';
import { DatasetDigest, FileReading } from '../contracts/dataset.ts';
import { Instant } from '../contracts/instant.ts';

const FaultyRow = z.object({
  row: z.int(),
  faults: z.array(z.object({ column: z.optional(z.string()), problem: z.string() })),
});

const ImportState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('running') }),
  z.object({
    kind: z.literal('imported'),
    digest: DatasetDigest,
    fileDigest: z.string(),
    finishedAt: Instant,
  }),
  z.object({
    kind: z.literal('refused'),
    reason: z.string(),
    file: z.optional(FileReading),
    faultyRows: z.int(),
    /** The first of them. */
    listed: z.array(FaultyRow),
    finishedAt: Instant,
  }),
]);
export type ImportState = z.infer<typeof ImportState>;

/** One attempt to make a dataset version of an upload; the same upload with the same names is the same one. */
export const ImportRecord = z.object({
  model: z.string(),
  importId: z.string(),
  uploadId: z.string(),
  columns: z.record(z.string(), z.nullable(z.string())),
  description: z.string(),
  requestedAt: Instant,
  requestedBy: z.string(),
  state: ImportState,
});
export type ImportRecord = z.infer<typeof ImportRecord>;
