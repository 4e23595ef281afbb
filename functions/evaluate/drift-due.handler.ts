import middy from '@middy/core';
import { ModelDue } from '../contracts/evaluation-events.ts';
import { createDriftFinder } from './create-drift-finder.ts';
import { findDrift } from './find-drift.ts';

const finder = createDriftFinder();

/** A model's schedule says that it is time to look for drift. */
export const handler = middy().handler(async (event: unknown) =>
  findDrift(ModelDue.parse(event).model, finder),
);
