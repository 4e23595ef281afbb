import middy from '@middy/core';
import { ModelDue } from '../contracts/evaluation-events.ts';
import { closeHours } from './close-hours.ts';
import { createHourCloser } from './create-hour-closer.ts';

const closer = createHourCloser();

/** A model's schedule says that hours may have matured. */
export const handler = middy().handler(async (event: unknown) =>
  closeHours(ModelDue.parse(event).model, closer),
);
