import middy from '@middy/core';
import { TrialRequest } from '../contracts/trial.ts';
import { createTrial } from './create-model-server.ts';

const trial = createTrial();

/** Invoked by promotions only; its answers are nobody's predictions. */
export const handler = middy().handler((event: unknown) => trial.run(TrialRequest.parse(event)));
