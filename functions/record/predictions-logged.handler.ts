import middy from '@middy/core';
import { readLogDelivery } from '../runtime/log-delivery.ts';
import { createLogRecording } from './create-recorder.ts';

const recording = createLogRecording();

/** One delivery of a serving or shadow log: at least once, in any order. */
export const handler = middy().handler(async (event: unknown): Promise<void> => {
  await recording.recordDelivery(readLogDelivery(event));
});
