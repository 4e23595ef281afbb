import middy from '@middy/core';
import { StepInput } from '../contracts/promotion.ts';
import { createReplay } from './create-trials.ts';
import { concludeGate } from './gate.ts';
import { specOf, stepOf } from './promotion-context.ts';
import { replayTraffic } from './replaying.ts';
import { runStep } from './step-machinery.ts';

const replay = createReplay();

/** The last matured traffic, as if the version had answered it. */
export const handler = middy().handler((event: unknown) => {
  const input = StepInput.parse(event);
  return runStep(input, replay, async (promotion) => {
    const spec = specOf(replay, promotion.model);
    const step = stepOf(spec, promotion);
    if (step.kind !== 'replay-traffic') throw new Error(`${step.kind} replays no traffic`);
    const subject = { promotion, spec, nowMs: replay.clock.nowMs() };
    const ask = replay.tryOf(input, promotion);
    const finding = await replayTraffic(step, subject, replay.archive, ask);
    return concludeGate(promotion, finding, replay);
  });
});
