import middy from '@middy/core';
import type { SQSBatchResponse, SQSEvent } from 'aws-lambda';
import { createLogRecording } from './create-recorder.ts';

const recording = createLogRecording();

/** What could not be recorded with its delivery, and predictions whose silence has a meaning now. */
export const handler = middy<SQSEvent, SQSBatchResponse>().handler(
  async ({ Records }: SQSEvent): Promise<SQSBatchResponse> => ({
    batchItemFailures: await recording.recordQueued(
      Records.map(({ messageId, body }) => ({ id: messageId, body })),
    ),
  }),
);
