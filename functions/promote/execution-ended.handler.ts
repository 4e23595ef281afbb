import middy from '@middy/core';
import * as z from 'zod/mini';
import { parseEnv } from '../runtime/parse-env.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { endById } from './ending.ts';
import { MovingEnv } from './env.ts';

const context = createPromotionContext(parseEnv(MovingEnv));
/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
const StatusChange = z.object({ detail: z.object({ status: z.string(), input: z.string() }) });
const Input = z.object({ model: z.string(), promotion: z.string() });

/** An execution that failed, timed out or was stopped takes its promotion along, whatever its catches did. */
export const handler = middy().handler((event: unknown) => {
  const { status, input } = StatusChange.parse(event).detail;
  const { model, promotion } = Input.parse(JSON.parse(input));
  const reason = `the execution is ${status}`;
  return endById(
    model,
    promotion,
    { ending: 'rolled-back', reason, by: 'Step Functions' },
    context,
  );
});
