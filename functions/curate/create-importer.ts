import { tmpdir } from 'node:os';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { HASH_PURPOSE } from '../contracts/prediction-line.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { KeyStore } from '../runtime/key-store.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { keyedHash } from '../runtime/sealing.ts';
import { DatasetStore } from './dataset-store.ts';
import { DatasetTable } from './dataset-table.ts';
import { ImportEnv } from './env.ts';
import type { Importer } from './import-dataset.ts';

/** What makes datasets of uploads, wired to this function's environment and deployed specs. */
export function createImporter(): Importer {
  const env = parseEnv(ImportEnv);
  const keys = new KeyStore();
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    store: new DatasetStore(new S3Client({}), env.DATASET_BUCKET),
    table: new DatasetTable(documentClient(), env.DATASET_TABLE),
    events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
    clock: systemClock,
    disk: tmpdir(),
    logHash: async () => {
      const secret = await keys.derivedSecret(env.HASH_KEY, HASH_PURPOSE);
      return (text) => keyedHash(secret, text);
    },
  };
}
