import * as z from 'zod/mini';
import { DatasetDigest } from './dataset.ts';
import { EVENT_DETAIL } from './event-bus.ts';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';
import { Digest, VersionNumber } from './version.ts';

/** What an offline evaluation is asked for; what `evaluate/dataset-evaluation` takes. */
export const EvaluationRequest = z.object({
  model: ModelName,
  versions: z.array(VersionNumber).check(z.minLength(1), z.maxLength(4)),
  dataset: DatasetDigest,
  /** Features whose values are judged one by one. */
  slices: z._default(z.array(z.string()), []),
});
export type EvaluationRequest = z.infer<typeof EvaluationRequest>;

const Measured = {
  /** Rows, or queries of a ranking, that the metrics rest on. */
  units: z.int(),
  /** Sums of the components that the additive metrics are made of. */
  sums: z.record(z.string(), z.number()),
  /** Undefined metrics are absent. */
  metrics: z.record(z.string(), z.number()),
};

export const SliceResult = z.object({ feature: z.string(), value: z.string(), ...Measured });
export type SliceResult = z.infer<typeof SliceResult>;

/** A version judged on a dataset; it never changes, so it is stored under both digests. */
export const DatasetEvaluation = z.object({
  model: ModelName,
  version: VersionNumber,
  digest: Digest,
  dataset: DatasetDigest,
  ...Measured,
  /** Rows for which the model gave no finite number; they are in no metric. */
  unanswered: z.int(),
  slices: z.array(SliceResult),
  /** S3 key of a Parquet file in the dataset bucket: one row a unit, one column a component. */
  unitsKey: z.string(),
  evaluatedAt: Instant,
});
export type DatasetEvaluation = z.infer<typeof DatasetEvaluation>;

/** What `evaluate/dataset-evaluation` answers. */
export interface EvaluationAnswer {
  /** In the order of the versions asked for. */
  readonly results: readonly DatasetEvaluation[];
  /** What each later version differs by from the first, on this one dataset. */
  readonly changes: readonly {
    readonly version: string;
    readonly metrics: Readonly<Record<string, { readonly from: number; readonly to: number }>>;
  }[];
}

/** The champion on the set that everyone is judged on from this epoch on. */
export const Baseline = z.object({
  model: ModelName,
  epoch: z.int(),
  evaluation: DatasetEvaluation,
  missed: z.array(
    z.object({
      metric: z.string(),
      comparison: z.enum(['at-most', 'at-least']),
      threshold: z.number(),
      value: z.number(),
    }),
  ),
});
export type Baseline = z.infer<typeof Baseline>;

/** The champion misses an objective on the validation set as it is now. */
export const BaselineMissed = z.object({
  ...EVENT_DETAIL,
  epoch: z.int(),
  dataset: DatasetDigest,
  version: VersionNumber,
  missed: Baseline.shape.missed,
});
export type BaselineMissed = z.infer<typeof BaselineMissed>;

/** The champion was judged on the validation set as it is now. */
export const BaselineMeasured = z.object({
  ...EVENT_DETAIL,
  epoch: z.int(),
  dataset: DatasetDigest,
  version: VersionNumber,
  metrics: z.record(z.string(), z.number()),
});
export type BaselineMeasured = z.infer<typeof BaselineMeasured>;

export const EVALUATION_EVENTS = {
  baselineMeasured: 'BaselineMeasured',
  baselineMissed: 'BaselineMissed',
} as const;
