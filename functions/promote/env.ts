import * as z from 'zod/mini';

/** Environment of `operator-api.handler.ts`. */
export const OperatorApiEnv = z.object({
  VERSION_TABLE: z.string(),
  ROUTE_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
  INSPECT_FUNCTION: z.string(),
  /** JSON: model → hosting settings, for models served by SageMaker. */
  SAGEMAKER_HOSTS: z.string(),
});

/** `inspect-graph.handler.ts` reads nothing from its environment: it may do nothing but read one upload. */
export const InspectGraphEnv = z.object({});
