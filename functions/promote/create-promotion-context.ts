import { LambdaClient } from '@aws-sdk/client-lambda';
import { SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as z from 'zod/mini';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { PointerTable } from '../curate/pointer-table.ts';
import { announcingBy } from '../runtime/announcement.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { FunctionStarter } from '../runtime/function-starter.ts';
import { Outbox } from '../runtime/outbox.ts';
import { EndpointStore } from './endpoint-store.ts';
import type { HostingEnv, MovingEnv } from './env.ts';
import { EndpointPreparing, type ExposureContext } from './exposure.ts';
import type { PromotionContext } from './promotion-context.ts';
import { PromotionTable } from './promotion-table.ts';
import { RouteStore } from './route-store.ts';
import { RouteTable } from './route-table.ts';
import { VersionTable } from './version-table.ts';

/** What moves a promotion, wired to this function's environment and deployed specs. */
export function createPromotionContext(env: MovingEnv): PromotionContext {
  const dynamo = documentClient();
  const outbox = new Outbox(dynamo, env.PROMOTION_TABLE);
  const pointers = new PointerTable(dynamo, env.DATASET_TABLE);
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    promotions: new PromotionTable(dynamo, env.PROMOTION_TABLE, outbox),
    routes: new RouteTable(dynamo, env.ROUTE_TABLE),
    routeStore: new RouteStore(dynamo, env.ROUTE_TABLE, env.VERSION_TABLE, outbox),
    versions: new VersionTable(dynamo, env.VERSION_TABLE),
    clock: systemClock,
    validationSet: (model) => pointers.read(model, 'validation'),
    announce: announcingBy(new FunctionStarter(new LambdaClient({}), env.ANNOUNCE_FUNCTION)),
  };
}

/** Endpoints of a model; undefined for one that Lambda serves itself. */
export function createEndpointsOf(
  env: HostingEnv,
  specs: readonly ModelSpec[],
): (model: string) => EndpointStore | undefined {
  const roles = z.record(z.string(), z.string()).parse(JSON.parse(env.SAGEMAKER_ROLES));
  return (model) => {
    const spec = specs.find(({ name }) => name === model);
    const roleArn = roles[model];
    if (spec?.runtime.kind !== 'sagemaker' || !roleArn) return undefined;
    const namePrefix = `${env.SAGEMAKER_NAME_PREFIX}-${model}`;
    const host = { roleArn, bucket: env.ARTIFACT_BUCKET, namePrefix, kmsKeyArn: env.KEY_ARN };
    return new EndpointStore(new SageMakerClient({}), host, spec.runtime);
  };
}

/** The same with what puts a version into a route. */
export function createExposureContext(env: MovingEnv & HostingEnv): ExposureContext {
  const context = createPromotionContext(env);
  const endpointsOf = createEndpointsOf(env, context.specs);
  return {
    ...context,
    async servedVersion({ model, version: number }) {
      const version = await context.versions.find(model, number);
      if (!version) throw new Error(`${model} has no version ${number} any more`);
      const served = { version: version.version, digest: version.digest };
      const state = await endpointsOf(model)?.ensure(version);
      if (!state) return served;
      if (state.kind === 'failed')
        throw new Error(
          `SageMaker could not make the endpoint of version ${number}: ${state.reason}`,
        );
      if (state.kind === 'in-service') return { ...served, endpoint: state.endpoint };
      throw new EndpointPreparing(`the endpoint of version ${number} of ${model} is being made`);
    },
  };
}
