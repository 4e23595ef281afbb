import { tmpdir } from 'node:os';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { sealingContext } from '../contracts/prediction-line.ts';
import { ArchiveReader } from '../record/archive-reader-store.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { KeyStore } from '../runtime/key-store.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { Unsealer } from '../runtime/sealing.ts';
import { DatasetStore } from './dataset-store.ts';
import { DatasetTable } from './dataset-table.ts';
import { SnapshotEnv } from './env.ts';
import type { Snapshooter } from './snapshot.ts';

/** What makes datasets of the archive, wired to this function's environment and deployed specs. */
export function createSnapshooter(): Snapshooter {
  const env = parseEnv(SnapshotEnv);
  const keys = new KeyStore();
  const s3 = new S3Client({});
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    archive: new ArchiveReader(s3, env.ARCHIVE_BUCKET),
    store: new DatasetStore(s3, env.DATASET_BUCKET),
    table: new DatasetTable(documentClient(), env.DATASET_TABLE),
    events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
    unsealerOf: (model) =>
      new Unsealer((encrypted) =>
        keys.openDataKey(env.SEALING_KEY, sealingContext(model), encrypted),
      ),
    clock: systemClock,
    disk: tmpdir(),
  };
}
