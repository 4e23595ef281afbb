import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { createTrials } from './create-trials.ts';
import { concludeGate } from './gate.ts';
import { specOf, stepOf } from './promotion-context.ts';
import { runStep } from './step-machinery.ts';
import { testPerformance } from './trials.ts';

const trials = createTrials();

/** The version keeps the budgets of the plan in the model's own configuration. */
export const handler = middy().handler((event: unknown) => {
  const input = StepInput.parse(event);
  return runStep(input, trials, async (promotion) => {
    const spec = specOf(trials, promotion.model);
    const step = stepOf(spec, promotion);
    if (step.kind !== 'test-performance') throw new Error(`${step.kind} tests no performance`);
    const finding = await testPerformance(step, spec, trials.tryOf(input, promotion));
    return concludeGate(promotion, finding, trials);
  });
});
