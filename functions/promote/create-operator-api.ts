import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as z from 'zod/mini';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { EndpointStore } from './endpoint-store.ts';
import { OperatorApiEnv } from './env.ts';
import { GraphInspector } from './graph-inspector.ts';
import type { OperatorApi } from './operator-api.ts';
import { RouteStore } from './route-store.ts';
import { RouteTable } from './route-table.ts';
import { UploadStore } from './upload-store.ts';
import { VersionTable } from './version-table.ts';

/** The operator API, wired to this function's environment and deployed specs. */
export function createOperatorApi(): OperatorApi {
  const env = parseEnv(OperatorApiEnv);
  // Checked when they were synthesized.
  const specs = readAsset('specs.json') as readonly ModelSpec[];
  const roles = z.record(z.string(), z.string()).parse(JSON.parse(env.SAGEMAKER_ROLES));
  const dynamo = documentClient();
  return {
    specs,
    uploads: new UploadStore(new S3Client({}), env.ARTIFACT_BUCKET),
    inspector: new GraphInspector(new LambdaClient({}), env.INSPECT_FUNCTION),
    versions: new VersionTable(dynamo, env.VERSION_TABLE),
    routes: new RouteTable(dynamo, env.ROUTE_TABLE),
    champions: new RouteStore(dynamo, env.ROUTE_TABLE, env.VERSION_TABLE),
    clock: systemClock,
    endpointsOf(model) {
      const spec = specs.find(({ name }) => name === model);
      const roleArn = roles[model];
      if (spec?.runtime.kind !== 'sagemaker' || !roleArn) return undefined;
      const namePrefix = `${env.SAGEMAKER_NAME_PREFIX}-${model}`;
      const host = { roleArn, bucket: env.ARTIFACT_BUCKET, namePrefix, kmsKeyArn: env.KEY_ARN };
      return new EndpointStore(new SageMakerClient({}), host, spec.runtime);
    },
  };
}
