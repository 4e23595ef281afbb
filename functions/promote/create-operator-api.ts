import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import { SFNClient } from '@aws-sdk/client-sfn';
import { JoinTable } from '../record/join-table.ts';
import { documentClient } from '../runtime/clients.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createEndpointsOf, createPromotionContext } from './create-promotion-context.ts';
import { OperatorApiEnv } from './env.ts';
import { forecastOf } from './forecast.ts';
import { GraphInspector } from './graph-inspector.ts';
import { MachineStore } from './machine-store.ts';
import type { OperatorApi } from './operator-api.ts';
import { recentTraffic } from './traffic.ts';
import { UploadStore } from './upload-store.ts';

/** The operator API, wired to this function's environment and deployed specs. */
export function createOperatorApi(): OperatorApi {
  const env = parseEnv(OperatorApiEnv);
  const context = createPromotionContext(env);
  const dynamo = documentClient();
  const joins = new JoinTable(dynamo, env.JOIN_TABLE);
  const machines = new MachineStore(new SFNClient({}), env.MACHINE_ARN_PREFIX);
  return {
    ...context,
    uploads: new UploadStore(new S3Client({}), env.ARTIFACT_BUCKET),
    inspector: new GraphInspector(new LambdaClient({}), env.INSPECT_FUNCTION),
    endpointsOf: createEndpointsOf(env, context.specs),
    forecast: async (spec) =>
      forecastOf(spec, await recentTraffic(spec, joins, context.clock.nowMs())),
    startMachine: (model, promotion) => machines.start(model, promotion),
    answerMachine: (token, output) => machines.answer(token, output),
    stopMachine: (promotion, reason) => machines.stop(promotion, reason),
  };
}
