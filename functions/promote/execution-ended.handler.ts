import middy from '@middy/core';
import * as z from 'zod/mini';
import { modelOfPromotion, PromotionId } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { endById } from './ending.ts';
import { MovingEnv } from './env.ts';

const context = createPromotionContext(parseEnv(MovingEnv));
/**
 * https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html: the input is left out
 * where the machine is encrypted by a key of ours. An execution is named after its promotion.
 */
const StatusChange = z.object({ detail: z.object({ status: z.string(), name: PromotionId }) });

/** An execution that failed, timed out or was stopped takes its promotion along, whatever its catches did. */
export const handler = middy().handler(async (event: unknown) => {
  const { status, name: promotion } = StatusChange.parse(event).detail;
  const model = modelOfPromotion(promotion);
  const reason = `the execution is ${status}`;
  await endById(model, promotion, { ending: 'rolled-back', reason, by: 'Step Functions' }, context);
});
