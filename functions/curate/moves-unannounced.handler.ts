import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import middy from '@middy/core';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { AnnouncementEnv } from './env.ts';
import { announceMoves } from './move-announcement.ts';
import { PointerTable } from './pointer-table.ts';

const env = parseEnv(AnnouncementEnv);
// Checked when they were synthesized.
const specs = readAsset('specs.json') as readonly ModelSpec[];
const pointers = new PointerTable(documentClient(), env.DATASET_TABLE);
const events = new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS);

export const handler = middy().handler(async () => {
  for (const { name } of specs) await announceMoves(name, { pointers, events });
});
