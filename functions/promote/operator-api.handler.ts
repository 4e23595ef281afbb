import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as z from 'zod/mini';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { apiHandler } from '../runtime/api-handler.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { EndpointStore, SageMakerHost } from './endpoint-store.ts';
import { OperatorApiEnv } from './env.ts';
import { GraphInspector } from './graph-inspector.ts';
import { answerOperator, type OperatorApi } from './operator-api.ts';
import { RouteTable } from './route-table.ts';
import { UploadStore } from './upload-store.ts';
import { VersionTable } from './version-table.ts';

const env = parseEnv(OperatorApiEnv);
// Checked when it was synthesized.
const specs = readAsset('specs.json') as readonly ModelSpec[];
const hosts = z.record(z.string(), SageMakerHost).parse(JSON.parse(env.SAGEMAKER_HOSTS));
const dynamo = documentClient();

const api: OperatorApi = {
  specs,
  uploads: new UploadStore(new S3Client({}), env.ARTIFACT_BUCKET),
  inspector: new GraphInspector(new LambdaClient({}), env.INSPECT_FUNCTION),
  versions: new VersionTable(dynamo, env.VERSION_TABLE),
  routes: new RouteTable(dynamo, env.ROUTE_TABLE),
  clock: systemClock,
  endpointsOf(model) {
    const spec = specs.find(({ name }) => name === model);
    const host = hosts[model];
    if (spec?.runtime.kind !== 'sagemaker' || !host) return undefined;
    return new EndpointStore(new SageMakerClient({}), host, spec.runtime);
  },
};

export const handler = apiHandler((request) => answerOperator(request, api));
