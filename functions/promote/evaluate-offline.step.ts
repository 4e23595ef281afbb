import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { createOfflineJudge } from './create-offline-judge.ts';
import { concludeGate } from './gate.ts';
import { evaluateOffline } from './offline-evaluating.ts';
import { specOf, stepOf } from './promotion-context.ts';
import { runStep } from './step-machinery.ts';

const judge = createOfflineJudge();

/** Champion and challenger on the validation set the promotion began with. */
export const handler = middy().handler((event: unknown) =>
  runStep(StepInput.parse(event), judge, async (promotion) => {
    const step = stepOf(specOf(judge, promotion.model), promotion);
    if (step.kind !== 'evaluate-offline') throw new Error(`${step.kind} evaluates nothing offline`);
    return concludeGate(promotion, await evaluateOffline(step, promotion, judge), judge);
  }),
);
