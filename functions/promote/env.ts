import * as z from 'zod/mini';

const moving = {
  VERSION_TABLE: z.string(),
  ROUTE_TABLE: z.string(),
  PROMOTION_TABLE: z.string(),
  DATASET_TABLE: z.string(),
  ANNOUNCE_FUNCTION: z.string(),
};

/** Where endpoints of SageMaker are made from. */
const hosting = {
  ARTIFACT_BUCKET: z.string(),
  KEY_ARN: z.string(),
  /** Endpoints are named `<prefix>-<model>-<version>`. */
  SAGEMAKER_NAME_PREFIX: z.string(),
  /** JSON: model → ARN of the role that hosts it, for models served by SageMaker. */
  SAGEMAKER_ROLES: z.string(),
};
export const HostingEnv = z.object(hosting);
export type HostingEnv = z.infer<typeof HostingEnv>;

/** Environment of `operator-api.handler.ts`. */
export const OperatorApiEnv = z.object({
  ...moving,
  ...hosting,
  INSPECT_FUNCTION: z.string(),
  JOIN_TABLE: z.string(),
  /** The machine of a model is `<prefix><model>`. */
  MACHINE_ARN_PREFIX: z.string(),
});

/** Environment of the steps that move a promotion, and of what ends one from outside. */
export const MovingEnv = z.object(moving);
export type MovingEnv = z.infer<typeof MovingEnv>;

/** Environment of the steps that put a version into a route, or try it. */
export const ExposingEnv = z.object({ ...moving, ...hosting });

/** Environment of `look.step.ts` and `alarm-rang.handler.ts`. */
export const LookEnv = z.object({
  ...moving,
  UNIT_TABLE: z.string(),
  /** Part of the names of alarms. */
  STAGE: z.string(),
});

/** Environment of the gate that compares on a dataset. */
export const OfflineEnv = z.object({
  ...moving,
  EVALUATION_FUNCTION: z.string(),
  DATASET_BUCKET: z.string(),
});

/** Environment of the gate that runs recorded requests again. */
export const ReplayEnv = z.object({ ...moving, ...hosting, ARCHIVE_BUCKET: z.string() });

/** Environment of `changes-unannounced.handler.ts`. */
export const AnnouncementEnv = z.object({ PROMOTION_TABLE: z.string(), EVENT_BUS: z.string() });

/** `inspect-graph.handler.ts` reads nothing from its environment: it may do nothing but read one upload. */
export const InspectGraphEnv = z.object({});
