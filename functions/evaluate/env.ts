import * as z from 'zod/mini';

/** Environment of `dataset-evaluation.handler.ts` and `validation-moved.handler.ts`. */
export const DatasetEvaluationEnv = z.object({
  VERSION_TABLE: z.string(),
  ROUTE_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
  DATASET_BUCKET: z.string(),
  EVALUATION_TABLE: z.string(),
  EVENT_BUS: z.string(),
  /** Of the function: threads follow its vCPUs. */
  MEMORY_MB: z.string(),
});

/** Environment of `hours-due.handler.ts`. */
export const HoursDueEnv = z.object({
  JOIN_TABLE: z.string(),
  EVALUATION_TABLE: z.string(),
  /** URL of recording's queue. */
  WORK_QUEUE: z.string(),
  EVENT_BUS: z.string(),
});

/** Environment of `drift-due.handler.ts`. */
export const DriftDueEnv = z.object({
  ROUTE_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
  ARCHIVE_BUCKET: z.string(),
  EVALUATION_TABLE: z.string(),
  EVENT_BUS: z.string(),
});
