import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { ProfileStore } from '../promote/profile-store.ts';
import { RouteTable } from '../promote/route-table.ts';
import { ArchiveReader } from '../record/archive-reader-store.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { writeLine } from '../runtime/log.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { DriftTable } from './drift-table.ts';
import { DriftDueEnv } from './env.ts';
import type { DriftFinder } from './find-drift.ts';

/** What finds drift, wired to this function's environment and deployed specs. */
export function createDriftFinder(): DriftFinder {
  const env = parseEnv(DriftDueEnv);
  const s3 = new S3Client({});
  const dynamo = documentClient();
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    routes: new RouteTable(dynamo, env.ROUTE_TABLE),
    profiles: new ProfileStore(s3, env.ARTIFACT_BUCKET),
    archive: new ArchiveReader(s3, env.ARCHIVE_BUCKET),
    found: new DriftTable(dynamo, env.EVALUATION_TABLE),
    events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
    clock: systemClock,
    writeLine,
  };
}
