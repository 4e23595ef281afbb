import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type * as z from 'zod/mini';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { HASH_PURPOSE, sealingContext } from '../contracts/prediction-line.ts';
import type { ServedVersion } from '../contracts/route.ts';
import { ArtifactCache } from '../promote/artifact-store.ts';
import { RouteTable } from '../promote/route-table.ts';
import { VersionTable } from '../promote/version-table.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import type { KeyStore } from '../runtime/key-store.ts';
import { log, writeLine } from '../runtime/log.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { residentMb } from '../runtime/process-memory.ts';
import { Unsealer } from '../runtime/sealing.ts';
import type { Backend } from './backend.ts';
import { BackendPool } from './backend-pool.ts';
import { ServeEnv } from './env.ts';
import { hashesLog, LogKeyCache, sealsLog } from './log-keys.ts';
import { ModelServer } from './model-server.ts';
import { RouteCache } from './route-cache.ts';
import { Shadow } from './shadow.ts';
import { Trial } from './trial.ts';

/** The parts that server and shadow share, wired to this function's environment and deployed spec. */
function createServingParts(routeReadMs?: number) {
  const env = parseEnv(ServeEnv);
  // Checked when it was synthesized.
  const spec = readAsset('spec.json') as ModelSpec;
  const dynamo = documentClient();
  const routes = new RouteTable(dynamo, env.ROUTE_TABLE);
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
    env,
    spec,
    clock: systemClock,
    routes: new RouteCache(routes, spec.name, systemClock, routeReadMs),
    backends: new BackendPool(open, systemClock),
    findVersion: (version: string) => versions.find(spec.name, version),
    writeLine,
  };
}

/** Below the function's own time-out, so that the caller is told what took so long. */
const endpointTimeoutMs = ({ runtime }: ModelSpec): number =>
  Math.min(LIMITS.sagemakerTimeoutMs, runtime.timeoutSeconds * 1000 - LIMITS.timeoutReserveMs);

export function createModelServer(): ModelServer {
  const { env, ...parts } = createServingParts();
  const { spec, clock } = parts;
  if (!sealsLog(spec) && !hashesLog(spec)) return new ModelServer(parts);
  const source = {
    newDataKey: async () =>
      (await keyStore()).newDataKey(env.SEALING_KEY, sealingContext(spec.name)),
    hashSecret: async () => (await keyStore()).derivedSecret(env.HASH_KEY, HASH_PURPOSE),
  };
  return new ModelServer({ ...parts, logKeys: new LogKeyCache(source, spec, clock, log) });
}

export function createShadow(): Shadow {
  // No caller waits, and by an older route it would skip requests of a promotion that has just begun.
  const { env, ...parts } = createServingParts(LIMITS.firstRouteReadMs);
  return new Shadow({ ...parts, ...unsealing(env, parts.spec) });
}

export function createTrial(): Trial {
  const { env, ...parts } = createServingParts();
  return new Trial({ ...parts, ...unsealing(env, parts.spec), memoryMb: residentMb });
}

function unsealing(env: z.infer<typeof ServeEnv>, spec: ModelSpec): { unsealer?: Unsealer } {
  if (!sealsLog(spec)) return {};
  const context = sealingContext(spec.name);
  const open = async (encrypted: string) =>
    (await keyStore()).openDataKey(env.SEALING_KEY, context, encrypted);
  return { unsealer: new Unsealer(open) };
}

let opened: KeyStore | undefined;

/** Loaded by the first request that needs it: most models log in plain. */
async function keyStore(): Promise<KeyStore> {
  const { KeyStore } = await import('../runtime/key-store.ts');
  opened ??= new KeyStore();
  return opened;
}
