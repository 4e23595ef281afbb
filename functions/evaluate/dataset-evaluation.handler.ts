import middy from '@middy/core';
import { EvaluationRequest } from '../contracts/dataset-evaluation.ts';
import { createEvaluator } from './create-evaluator.ts';
import { compareOnDataset } from './dataset-evaluator.ts';

const evaluator = createEvaluator();

/** Judges versions on one dataset, for whoever waits for the answer: a step of a promotion. */
export const handler = middy().handler(async (event: unknown) =>
  compareOnDataset(EvaluationRequest.parse(event), evaluator),
);
