import * as z from 'zod/mini';

const recorder = {
  JOIN_TABLE: z.string(),
  UNIT_TABLE: z.string(),
  ARCHIVE_BUCKET: z.string(),
  PREDICTION_STREAM: z.string(),
  OUTCOME_STREAM: z.string(),
  SCORE_STREAM: z.string(),
};

/** Environment of `outcomes-api.handler.ts`. */
export const OutcomesEnv = z.object(recorder);

/** Environment of `predictions-logged.handler.ts` and `failed-records.handler.ts`. */
export const LogRecordingEnv = z.object({
  ...recorder,
  WORK_QUEUE: z.string(),
  PARKED_QUEUE: z.string(),
});

/** Environment of `records-api.handler.ts`. */
export const RecordsEnv = z.object({
  JOIN_TABLE: z.string(),
  WORK_QUEUE: z.string(),
  PARKED_QUEUE: z.string(),
  DELIVERY_QUEUE: z.string(),
  /** Name of the function that takes deliveries. */
  RECORDER: z.string(),
});
