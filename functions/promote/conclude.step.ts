import middy from '@middy/core';
import * as z from 'zod/mini';
import { PromotionEnding, PromotionId } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createEndpointsOf, createPromotionContext } from './create-promotion-context.ts';
import { endById } from './ending.ts';
import { ExposingEnv } from './env.ts';
import { removeRejected } from './rejected-endpoint.ts';

const env = parseEnv(ExposingEnv);
const context = createPromotionContext(env);
const endpointsOf = createEndpointsOf(env, context.specs);
const ConcludeInput = z.object({
  model: z.string(),
  promotion: PromotionId,
  ending: PromotionEnding,
  reason: z.string(),
});

/** The machine has come to an end of the plan, or to where it goes no further. */
export const handler = middy().handler(async (event: unknown) => {
  const { model, promotion, ending, reason } = ConcludeInput.parse(event);
  const ended = await endById(model, promotion, { ending, reason, by: 'the plan' }, context);
  await removeRejected(ended, context, endpointsOf(model));
  return { state: ended.state };
});
