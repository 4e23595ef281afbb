import middy from '@middy/core';
import * as z from 'zod/mini';
import { StepInput } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { askApproval } from './approval.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { MovingEnv } from './env.ts';
import { runStep } from './step-machinery.ts';

const context = createPromotionContext(parseEnv(MovingEnv));
const AskInput = z.extend(StepInput, { token: z.string() });

/** The machine waits until somebody decides; what is answered here is not its result. */
export const handler = middy().handler((event: unknown) => {
  const { token, ...input } = AskInput.parse(event);
  return runStep(input, context, async (promotion) => {
    await askApproval(promotion, token, context);
    return { verdict: 'HOLD', reason: 'somebody must decide' };
  });
});
