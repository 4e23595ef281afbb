import * as z from 'zod/mini';

/** Environment of `request.handler.ts` and `requests-logged.handler.ts`; the spec comes beside the code. */
export const ServeEnv = z.object({
  ROUTE_TABLE: z.string(),
  VERSION_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
  /** Wraps the data keys that seal the log: made by the server, opened by the shadow. */
  SEALING_KEY: z.string(),
  /** HMAC key from which the secret of hashed fields is derived. */
  HASH_KEY: z.string(),
});

/** Environment of `catalog.handler.ts`. */
export const CatalogEnv = z.object({ ROUTE_TABLE: z.string() });
