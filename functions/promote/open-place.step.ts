import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createExposureContext } from './create-promotion-context.ts';
import { ExposingEnv } from './env.ts';
import { exposePlace } from './exposure.ts';
import { runStep } from './step-machinery.ts';

const context = createExposureContext(parseEnv(ExposingEnv));

/** A step that lasts begins: its units are exposed, or its requests shadowed. */
export const handler = middy().handler((event: unknown) =>
  runStep(StepInput.parse(event), context, (promotion, route) =>
    exposePlace(promotion, route, context),
  ),
);
