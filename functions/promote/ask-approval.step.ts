import middy from '@middy/core';
import * as z from 'zod/mini';
import { StepInput } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { askApproval } from './approval.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { MovingEnv } from './env.ts';
import { pauseExposure } from './exposure.ts';
import { runStep } from './step-machinery.ts';

const context = createPromotionContext(parseEnv(MovingEnv));
const AskInput = z.extend(StepInput, { token: z.string() });

/** Caught by the machine, which would else wait for a decision that nobody can make. */
class PromotionOver extends Error {
  override readonly name = 'PromotionOver';
}

/** The machine waits until somebody decides; what is answered here is not its result. */
export const handler = middy().handler(async (event: unknown) => {
  const { token, ...input } = AskInput.parse(event);
  const { verdict, reason } = await runStep(input, context, async (promotion, route) => {
    await pauseExposure(promotion, route, context);
    await askApproval(promotion, token, context);
    return { verdict: 'HOLD', reason: 'somebody must decide' };
  });
  if (verdict === 'ENDED') throw new PromotionOver(reason);
});
