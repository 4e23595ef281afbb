import { joinParts, LinePart, PredictionLine } from '../contracts/prediction-line.ts';
import { readLogDelivery } from '../runtime/log-delivery.ts';

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
  const lines = readLogDelivery(event).map((message): unknown => JSON.parse(message));
  const parts = lines.flatMap((line) => LinePart.safeParse(line).data ?? []);
  const byId = Map.groupBy(parts, ({ id }) => id);
  const whole = [...byId.values()].map(joinParts).filter((text) => text !== undefined);
  const predictions = [...lines, ...whole.map((text): unknown => JSON.parse(text))].flatMap(
    (line) => PredictionLine.safeParse(line).data ?? [],
  );
  return { predictions, incomplete: byId.size - whole.length };
}
