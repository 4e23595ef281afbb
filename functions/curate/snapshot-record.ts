import * as z from 'zod/mini';
import { DatasetDigest, PointerName } from '../contracts/dataset.ts';
import { Instant } from '../contracts/instant.ts';

const SnapshotState = z.discriminatedUnion('kind', [
  z.object({ kind: z.literal('running') }),
  z.object({
    kind: z.literal('taken'),
    digest: DatasetDigest,
    /** Recorded rows that could not be used, by reason. */
    leftOut: z.record(z.string(), z.int()),
    finishedAt: Instant,
  }),
  z.object({ kind: z.literal('refused'), reason: z.string(), finishedAt: Instant }),
]);
export type SnapshotState = z.infer<typeof SnapshotState>;

/** A dataset version to be made of what was recorded. */
export const SnapshotRecord = z.object({
  model: z.string(),
  snapshotId: z.string(),
  purpose: PointerName,
  from: Instant,
  to: Instant,
  /** At the most; of a ranking, queries. */
  units: z.int(),
  seed: z.int(),
  description: z.string(),
  requestedAt: Instant,
  requestedBy: z.string(),
  state: SnapshotState,
});
export type SnapshotRecord = z.infer<typeof SnapshotRecord>;
