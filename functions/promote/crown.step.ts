import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createEndpointsOf, createExposureContext } from './create-promotion-context.ts';
import { crown } from './crowning.ts';
import { ExposingEnv } from './env.ts';
import { runStep } from './step-machinery.ts';

const env = parseEnv(ExposingEnv);
const context = createExposureContext(env);
const endpointsOf = createEndpointsOf(env, context.specs);

/** The version serves everyone from now on. */
export const handler = middy().handler((event: unknown) =>
  runStep(StepInput.parse(event), context, (promotion, route) =>
    crown(promotion, route, { ...context, endpoints: endpointsOf(promotion.model) }),
  ),
);
