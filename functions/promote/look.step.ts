import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { createLookers } from './create-lookers.ts';
import { look } from './looking.ts';
import { runStep } from './step-machinery.ts';

const lookers = createLookers();

/** One look at a step that lasts; delivered twice it is two looks, which the statistics allow. */
export const handler = middy().handler((event: unknown) =>
  runStep(StepInput.parse(event), lookers, (promotion, route) => look(promotion, route, lookers)),
);
