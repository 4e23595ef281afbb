import { LIMITS } from '../contracts/limits.ts';
import type { Promotion, StepInput, StepResult } from '../contracts/promotion.ts';
import type { Route } from '../contracts/route.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { endPromotion } from './ending.ts';
import { EndpointPreparing, enterPlace } from './exposure.ts';
import { standsOn } from './ground.ts';
import type { PromotionContext } from './promotion-context.ts';

const MACHINE = 'promotion';
const ENDED: StepResult = { verdict: 'ENDED', reason: 'the promotion has ended' };

/**
 * Runs a step of a promotion that still stands on what it began with. One that has ended, or whose ground
 * has shifted, is not moved any further: the latter is ended here.
 */
export async function runStep(
  { model, promotion: id, place }: StepInput,
  context: PromotionContext,
  step: (promotion: Promotion, route: Route) => Promise<StepResult>,
): Promise<StepResult> {
  const ground = await standsOn(model, id, context);
  if (ground.kind === 'ended') return ENDED;
  if (ground.kind === 'shifted') return abandon(ground.promotion, ground.reason, context);
  const { route } = ground;
  const promotion = await enterPlace(ground.promotion, place, context);
  const result = await unlessPreparing(promotion, context, () => step(promotion, route));
  await context.announce(model);
  return result;
}

/** Ends a promotion whose ground has shifted. */
export async function abandon(
  promotion: Promotion,
  reason: string,
  context: PromotionContext,
): Promise<StepResult> {
  await endPromotion(promotion, { ending: 'aborted', reason, by: MACHINE }, context);
  return { ...ENDED, reason };
}

/**
 * Waiting for an endpoint is a result: as an error it would ring the alarm on functions that fail.
 * @throws when it takes longer than endpoints do.
 */
async function unlessPreparing(
  { placeSince }: Promotion,
  { clock }: PromotionContext,
  step: () => Promise<StepResult>,
): Promise<StepResult> {
  try {
    return await step();
  } catch (error) {
    if (!(error instanceof EndpointPreparing)) throw error;
    const seconds = Math.round((clock.nowMs() - epochMsOf(placeSince)) / 1000);
    if (seconds <= LIMITS.endpointSeconds) return { verdict: 'PREPARING', reason: error.message };
    throw new Error(`${error.message}, and that for ${seconds} s`, { cause: error });
  }
}
