import { tmpdir } from 'node:os';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import * as z from 'zod/mini';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { DatasetStore } from './dataset-store.ts';
import { DatasetTable } from './dataset-table.ts';
import { ImportEnv } from './env.ts';
import { type Importer, runImport } from './import-dataset.ts';

const env = parseEnv(ImportEnv);
const importer: Importer = {
  // Checked when they were synthesized.
  specs: readAsset('specs.json') as readonly ModelSpec[],
  store: new DatasetStore(new S3Client({}), env.DATASET_BUCKET),
  table: new DatasetTable(documentClient(), env.DATASET_TABLE),
  events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
  clock: systemClock,
  disk: tmpdir(),
};

const Event = z.object({ model: z.string(), importId: z.string() });

export const handler = middy().handler(async (event: unknown) =>
  runImport(Event.parse(event), importer),
);
