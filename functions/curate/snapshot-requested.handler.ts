import middy from '@middy/core';
import * as z from 'zod/mini';
import { epochMs } from '../contracts/column-values.ts';
import { instantOf } from '../runtime/clock.ts';
import { createSnapshooter } from './create-snapshooter.ts';
import { recordScheduled } from './scheduled-snapshot.ts';
import { runSnapshot } from './snapshot.ts';

const snapshooter = createSnapshooter();

/** Asked for by hand, or due by the spec's schedule at an instant of EventBridge. */
const Event = z.union([
  z.object({ model: z.string(), snapshotId: z.string() }),
  z.object({ model: z.string(), scheduledAt: z.string() }),
]);

export const handler = middy().handler(async (raw: unknown) => {
  const event = Event.parse(raw);
  const { model } = event;
  const snapshotId =
    'snapshotId' in event
      ? event.snapshotId
      : await recordScheduled(model, instantOf(epochMs(event.scheduledAt) ?? 0), snapshooter);
  await runSnapshot({ model, snapshotId }, snapshooter);
});
