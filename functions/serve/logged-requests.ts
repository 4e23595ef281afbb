import { gunzipSync } from 'node:zlib';
import * as z from 'zod/mini';
import { LinePart, PredictionLine } from '../contracts/prediction-line.ts';

/** https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/SubscriptionFilters.html#LambdaFunctionExample */
const SubscriptionEvent = z.object({ awslogs: z.object({ data: z.string() }) });

const SubscriptionData = z.object({
  messageType: z.string(),
  logEvents: z.array(z.object({ id: z.string(), timestamp: z.number(), message: z.string() })),
});

export interface LoggedRequests {
  readonly predictions: readonly PredictionLine[];
  /** Predictions of which this delivery holds some parts only. */
  readonly incomplete: number;
}

/**
 * The predictions in one delivery of a log subscription; lines of other kinds are passed over.
 * @throws on what CloudWatch Logs would not send.
 */
export function readLoggedRequests(event: unknown): LoggedRequests {
  const { awslogs } = SubscriptionEvent.parse(event);
  const text = gunzipSync(Buffer.from(awslogs.data, 'base64')).toString('utf8');
  const { messageType, logEvents } = SubscriptionData.parse(JSON.parse(text));
  // Control messages probe the subscription.
  if (messageType !== 'DATA_MESSAGE') return { predictions: [], incomplete: 0 };
  const lines = logEvents.map(({ message }): unknown => JSON.parse(message));
  const { whole, incomplete } = joinParts(lines);
  const predictions = [...lines, ...whole].flatMap((line) => {
    const parsed = PredictionLine.safeParse(line);
    return parsed.success ? [parsed.data] : [];
  });
  return { predictions, incomplete };
}

function joinParts(lines: readonly unknown[]): { whole: unknown[]; incomplete: number } {
  const byId = new Map<string, LinePart[]>();
  for (const line of lines) {
    const parsed = LinePart.safeParse(line);
    if (parsed.success)
      byId.set(parsed.data.id, [...(byId.get(parsed.data.id) ?? []), parsed.data]);
  }
  const complete = [...byId.values()].filter(
    (parts) => new Set(parts.map(({ part }) => part)).size === parts[0]?.of,
  );
  const whole = complete.map((parts): unknown => {
    const texts = new Map(parts.map(({ part, text }) => [part, text]));
    return JSON.parse(
      [...texts.entries()]
        .sort(([a], [b]) => a - b)
        .map(([, text]) => text)
        .join(''),
    );
  });
  return { whole, incomplete: byId.size - complete.length };
}
