import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { createTrials } from './create-trials.ts';
import { concludeGate } from './gate.ts';
import { specOf } from './promotion-context.ts';
import { runStep } from './step-machinery.ts';
import { smokeTest } from './trials.ts';

const trials = createTrials();

/** The requests of the spec are answered by the version, off the record. */
export const handler = middy().handler((event: unknown) => {
  const input = StepInput.parse(event);
  return runStep(input, trials, async (promotion) => {
    const spec = specOf(trials, promotion.model);
    const finding = await smokeTest(spec, trials.tryOf(input, promotion));
    return concludeGate(promotion, finding, trials);
  });
});
