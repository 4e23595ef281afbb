import * as z from 'zod/mini';

/** Environment of `operator-api.handler.ts`. */
export const OperatorApiEnv = z.object({
  VERSION_TABLE: z.string(),
  ROUTE_TABLE: z.string(),
  ARTIFACT_BUCKET: z.string(),
  INSPECT_FUNCTION: z.string(),
  KEY_ARN: z.string(),
  /** Endpoints are named `<prefix>-<model>-<version>`. */
  SAGEMAKER_NAME_PREFIX: z.string(),
  /** JSON: model → ARN of the role that hosts it, for models served by SageMaker. */
  SAGEMAKER_ROLES: z.string(),
});

/** `inspect-graph.handler.ts` reads nothing from its environment: it may do nothing but read one upload. */
export const InspectGraphEnv = z.object({});
