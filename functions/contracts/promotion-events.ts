import * as z from 'zod/mini';
import { EVENT_DETAIL } from './event-bus.ts';
import { IdeaVerdict, Promotion, PromotionPlace, PromotionState } from './promotion.ts';
import { Route } from './route.ts';

/** A promotion began; all that provenance needs of it is in the record. */
export const PromotionStarted = z.object({ ...EVENT_DETAIL, promotion: Promotion });
export type PromotionStarted = z.infer<typeof PromotionStarted>;

/** It reached a step of its plan, or a rung of a ramp. */
export const PromotionAdvanced = z.object({
  ...EVENT_DETAIL,
  promotion: z.string(),
  version: z.string(),
  place: PromotionPlace,
  kind: z.string(),
});
export type PromotionAdvanced = z.infer<typeof PromotionAdvanced>;

/** A step was judged, with the numbers it was judged by. */
export const PromotionJudged = z.object({
  ...EVENT_DETAIL,
  promotion: z.string(),
  version: z.string(),
  place: PromotionPlace,
  kind: z.string(),
  verdict: z.string(),
  reason: z.string(),
  /** Of the look or gate; what the verdict can be derived from again. */
  evidence: z.record(z.string(), z.unknown()),
});
export type PromotionJudged = z.infer<typeof PromotionJudged>;

/** Somebody must say yes or no before it goes on. */
export const ApprovalAsked = z.object({
  ...EVENT_DETAIL,
  promotion: z.string(),
  version: z.string(),
  expiresAt: z.string(),
});
export type ApprovalAsked = z.infer<typeof ApprovalAsked>;

export const PromotionEnded = z.object({
  ...EVENT_DETAIL,
  promotion: z.string(),
  version: z.string(),
  state: PromotionState,
  reason: z.string(),
  by: z.string(),
  idea: IdeaVerdict,
  place: PromotionPlace,
});
export type PromotionEnded = z.infer<typeof PromotionEnded>;

/** Somebody made the version of an inconclusive promotion the champion all the same. */
export const PromotionOverridden = z.object({
  ...EVENT_DETAIL,
  promotion: z.string(),
  version: z.string(),
  by: z.string(),
  reason: z.string(),
});
export type PromotionOverridden = z.infer<typeof PromotionOverridden>;

/** The route of a model is another one, whoever changed it. */
export const RouteChanged = z.object({ ...EVENT_DETAIL, route: Route });
export type RouteChanged = z.infer<typeof RouteChanged>;

/** Detail-types of the facts above. */
export const PROMOTION_EVENTS = {
  started: 'PromotionStarted',
  advanced: 'PromotionAdvanced',
  judged: 'PromotionJudged',
  approvalAsked: 'ApprovalAsked',
  ended: 'PromotionEnded',
  overridden: 'PromotionOverridden',
  routeChanged: 'RouteChanged',
} as const;
