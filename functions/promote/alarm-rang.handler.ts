import middy from '@middy/core';
import * as z from 'zod/mini';
import { rollBackOnAlarm } from './alarm-rollback.ts';
import { createLookers } from './create-lookers.ts';

const lookers = createLookers();
/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch-and-eventbridge.html */
const AlarmChange = z.object({ detail: z.object({ alarmName: z.string() }) });

/** An objective is missed by a challenger: nobody waits for the next look. */
export const handler = middy().handler((event: unknown) =>
  rollBackOnAlarm(AlarmChange.parse(event).detail.alarmName, lookers),
);
