import * as z from 'zod/mini';

/** Environment of `request.handler.ts` and `requests-logged.handler.ts`; the spec comes beside the code. */
export const ServeEnv = z.object({
  ROUTE_TABLE: z.string(),
  VERSION_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
});

/** Environment of `catalog.handler.ts`. */
export const CatalogEnv = z.object({ ROUTE_TABLE: z.string() });
