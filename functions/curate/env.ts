import * as z from 'zod/mini';

const Stores = { DATASET_BUCKET: z.string(), DATASET_TABLE: z.string() };
const Telling = { ...Stores, EVENT_BUS: z.string() };

/** Environment of `operator-api.handler.ts`. */
export const DatasetApiEnv = z.object({
  ...Stores,
  EVALUATION_TABLE: z.string(),
  IMPORT_FUNCTION: z.string(),
  EXPORT_FUNCTION: z.string(),
  SNAPSHOT_FUNCTION: z.string(),
  ANNOUNCE_FUNCTION: z.string(),
});

/** Environment of `import-requested.handler.ts`. */
export const ImportEnv = z.object({
  ...Telling,
  /** HMAC key from which serving derives the secret of hashed fields. */
  HASH_KEY: z.string(),
});

/** Environment of `export-requested.handler.ts`. */
export const ExportEnv = z.object(Stores);

/** Environment of `snapshot-requested.handler.ts`. */
export const SnapshotEnv = z.object({
  ...Telling,
  ARCHIVE_BUCKET: z.string(),
  SEALING_KEY: z.string(),
});

/** Environment of `moves-unannounced.handler.ts`. */
export const AnnouncementEnv = z.object({ DATASET_TABLE: z.string(), EVENT_BUS: z.string() });
