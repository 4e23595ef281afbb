import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ServedVersion } from '../contracts/route.ts';
import { RouteTable } from '../promote/route-table.ts';
import { VersionTable } from '../promote/version-table.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { writeLine } from '../runtime/log.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { ArtifactCache } from './artifact-cache.ts';
import type { Backend } from './backend.ts';
import { BackendPool } from './backend-pool.ts';
import { ServeEnv } from './env.ts';
import { ModelServer } from './model-server.ts';
import { RouteCache } from './route-cache.ts';

/** The parts of a serving function, wired to this function's environment and deployed spec. */
export function createServingParts() {
  const env = parseEnv(ServeEnv);
  // Checked when it was synthesized.
  const spec = readAsset('spec.json') as ModelSpec;
  const dynamo = documentClient();
  const versions = new VersionTable(dynamo, env.VERSION_TABLE);
  const artifacts = new ArtifactCache(
    env.ARTIFACT_BUCKET,
    join(tmpdir(), 'artifacts'),
    LIMITS.artifactCacheBytes,
  );
  const open = async (served: ServedVersion): Promise<Backend> => {
    if (served.endpoint !== undefined) {
      const { SageMakerBackend } = await import('./sagemaker-backend.ts');
      return new SageMakerBackend(served.endpoint, spec.signature, endpointTimeoutMs(spec));
    }
    const { OnnxBackend } = await import('./onnx-backend.ts');
    return OnnxBackend.open(await artifacts.path(spec.name, served.digest), spec.runtime.memoryMb);
  };
  return {
    spec,
    clock: systemClock,
    routes: new RouteCache(new RouteTable(dynamo, env.ROUTE_TABLE), spec.name, systemClock),
    backends: new BackendPool(open, systemClock),
    findVersion: (version: string) => versions.find(spec.name, version),
    writeLine,
  };
}

/** Below the function's own time-out, so that the caller is told what took so long. */
const endpointTimeoutMs = ({ runtime }: ModelSpec): number =>
  Math.min(LIMITS.sagemakerTimeoutMs, runtime.timeoutSeconds * 1000 - LIMITS.timeoutReserveMs);

export const createModelServer = (): ModelServer => new ModelServer(createServingParts());
