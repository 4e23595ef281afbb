import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { ModelName } from '../contracts/model-name.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from './asset.ts';
import { documentClient } from './clients.ts';
import { EventPublisher } from './event-publisher.ts';
import { Outbox } from './outbox.ts';

/** Of one model, when something was written; of all, when it is time. */
const Waiting = z.object({ model: z.optional(ModelName) });

/** Tells the bus of the facts that wait in a table. */
export function announcingHandler(table: string, bus: string) {
  // Checked when they were synthesized.
  const specs = readAsset('specs.json') as readonly ModelSpec[];
  const outbox = new Outbox(documentClient(), table);
  const publisher = new EventPublisher(new EventBridgeClient({}), bus);
  return middy().handler((event: unknown) => {
    const { model } = Waiting.parse(event);
    return outbox.tell(model === undefined ? specs.map(({ name }) => name) : [model], publisher);
  });
}
