import { gunzipSync } from 'node:zlib';
import * as z from 'zod/mini';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#LambdaFunctionExample */
const SubscriptionEvent = z.object({ awslogs: z.object({ data: z.string() }) });

const SubscriptionData = z.object({
  messageType: z.string(),
  logEvents: z.array(z.object({ id: z.string(), timestamp: z.number(), message: z.string() })),
});

/**
 * The messages of one delivery of a log subscription; none of a control message, which probes it.
 * @throws on what CloudWatch Logs would not send.
 */
export function readLogDelivery(event: unknown): readonly string[] {
  const { awslogs } = SubscriptionEvent.parse(event);
  const text = gunzipSync(Buffer.from(awslogs.data, 'base64')).toString('utf8');
  const { messageType, logEvents } = SubscriptionData.parse(JSON.parse(text));
  return messageType === 'DATA_MESSAGE' ? logEvents.map(({ message }) => message) : [];
}
