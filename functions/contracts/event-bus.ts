import * as z from 'zod/mini';
import { Instant } from './instant.ts';
import { ModelName } from './model-name.ts';

/** `source` of every event that Slipway puts on its bus. */
export const EVENT_SOURCE = 'slipway';

/** A fact on the bus: `type` is the detail-type, a PascalCase fact; `detail` is its schema's value. */
export interface BusEvent<Detail extends EventDetail = EventDetail> {
  readonly type: string;
  readonly detail: Detail;
}

/** In every detail: when it happened and which model it is about. */
export const EVENT_DETAIL = { at: Instant, model: ModelName };
export type EventDetail = Readonly<Record<string, unknown>> & {
  readonly at: Instant;
  readonly model: string;
};

/** An event as EventBridge hands it to a rule's target; what else is in the envelope is not read. */
export const busEventOf = <Detail extends z.core.$ZodType>(type: string, detail: Detail) =>
  z.object({ source: z.literal(EVENT_SOURCE), 'detail-type': z.literal(type), detail });
