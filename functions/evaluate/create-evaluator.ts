import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { S3Client } from '@aws-sdk/client-s3';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { ArtifactCache } from '../promote/artifact-store.ts';
import { RouteTable } from '../promote/route-table.ts';
import { VersionTable } from '../promote/version-table.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { DatasetEvaluationEnv } from './env.ts';
import { EvaluationStore } from './evaluation-store.ts';
import { EvaluationTable } from './evaluation-table.ts';
import type { Rebaseliner } from './re-baseline.ts';

/** What judges versions on datasets, wired to this function's environment and deployed specs. */
export function createEvaluator(): Rebaseliner {
  const env = parseEnv(DatasetEvaluationEnv);
  const dynamo = documentClient();
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    versions: new VersionTable(dynamo, env.VERSION_TABLE),
    routes: new RouteTable(dynamo, env.ROUTE_TABLE),
    artifacts: new ArtifactCache(
      env.ARTIFACT_BUCKET,
      join(tmpdir(), 'artifacts'),
      LIMITS.artifactCacheBytes,
    ),
    store: new EvaluationStore(new S3Client({}), env.DATASET_BUCKET),
    table: new EvaluationTable(dynamo, env.EVALUATION_TABLE),
    events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
    clock: systemClock,
    memoryMb: Number(env.MEMORY_MB),
  };
}
