import middy from '@middy/core';
import * as z from 'zod/mini';
import { PromotionEnding, PromotionId } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { endById } from './ending.ts';
import { MovingEnv } from './env.ts';

const context = createPromotionContext(parseEnv(MovingEnv));
const ConcludeInput = z.object({
  model: z.string(),
  promotion: PromotionId,
  ending: PromotionEnding,
  reason: z.string(),
});

/** The machine has come to an end of the plan, or to where it goes no further. */
export const handler = middy().handler((event: unknown) => {
  const { model, promotion, ending, reason } = ConcludeInput.parse(event);
  return endById(model, promotion, { ending, reason, by: 'the plan' }, context);
});
