import type { AsyncEvent } from '../workers/async-queue.ts';
import type { Outcome } from '../workers/environment.ts';
import type { Resource } from './emulator.ts';
import { asText, isRecord } from './json.ts';

/** Where a function sends events that failed for good. */
export function failureDestinationOf(config: Resource | undefined): string | undefined {
  const destinations = config?.properties['DestinationConfig'];
  const onFailure = isRecord(destinations) ? destinations['OnFailure'] : undefined;
  return isRecord(onFailure) ? asText(onFailure['Destination']) : undefined;
}

/** https://docs.aws.amazon.com/lambda/latest/dg/invocation-async-retain-records.html */
export function failureRecord(
  event: AsyncEvent,
  functionArn: string,
  { failure }: Extract<Outcome, { kind: 'failed' }>,
  { attempts, atMs }: { readonly attempts: number; readonly atMs: number },
): string {
  return JSON.stringify({
    version: '1.0',
    timestamp: new Date(atMs).toISOString(),
    requestContext: {
      requestId: event.requestId,
      functionArn: `${functionArn}:$LATEST`,
      condition: 'RetriesExhausted',
      approximateInvokeCount: attempts,
    },
    requestPayload: JSON.parse(event.payload),
    responseContext: { statusCode: 200, executedVersion: '$LATEST', functionError: 'Unhandled' },
    responsePayload: failure,
  });
}
