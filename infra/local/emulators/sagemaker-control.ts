import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { type Operation, parseInput } from './aws-json.ts';
import type { DurableMap } from './durable-map.ts';
import type { Call, Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';

/** What stands behind a variant of an endpoint. */
export interface HostedModel {
  readonly name: string;
  readonly image: string;
  /** The archive, or the S3 prefix, that holds the artifact; empty when the image holds it. */
  readonly modelDataUrl: string;
  readonly environment: Readonly<Record<string, string>>;
}

/** A production variant; it has either instances or serverless settings. */
export interface Variant {
  readonly name: string;
  readonly modelName: string;
  readonly weight: number;
  readonly instanceCount?: number;
  readonly serverless?: { readonly memoryMb: number; readonly maxConcurrency: number };
}

/** An endpoint as it was made; whether it serves yet follows from the clock. */
export interface Endpoint {
  readonly name: string;
  readonly configName: string;
  readonly createdAtMs: number;
  /** Copied when the endpoint is made, so that it outlives its configuration and models. */
  readonly variants: readonly (Variant & { readonly model: HostedModel })[];
}

interface EndpointConfig {
  readonly variants: readonly Variant[];
}

/** The control plane's records, by name. */
export interface Hosting {
  readonly place: Place;
  readonly clock: Clock;
  readonly models: DurableMap<HostedModel>;
  readonly configs: DurableMap<EndpointConfig>;
  readonly endpoints: DurableMap<Endpoint>;
}

/** AWS takes minutes; what waits for an endpoint must be seen to wait, at any speed of the clock. */
const CREATION_MS = 5000;

const Name = z.string().regex(/^[a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}$/, 'is not a SageMaker name');
const S3Uri = z.string().regex(/^s3:\/\/[^/]+\/?.*$/, 'is not an S3 URI');
const Tags = z.array(z.strictObject({ Key: z.string(), Value: z.string() })).optional();

// Strict, so that a parameter that nothing here honours is refused, not dropped.
const ContainerDefinition = z.strictObject({
  Image: z.string().min(1),
  ContainerHostname: z.string().optional(),
  Environment: z.record(z.string(), z.string()).default({}),
  Mode: z.literal('SingleModel').optional(),
  ModelDataUrl: S3Uri.optional(),
  ModelDataSource: z
    .strictObject({
      S3DataSource: z.strictObject({
        S3Uri,
        S3DataType: z.enum(['S3Prefix', 'S3Object']),
        CompressionType: z.enum(['None', 'Gzip']),
      }),
    })
    .optional(),
});
const CreateModelInput = z.strictObject({
  ModelName: Name,
  PrimaryContainer: ContainerDefinition,
  ExecutionRoleArn: z.string().regex(/^arn:aws:iam::\d{12}:role\/.+$/, 'is not the ARN of a role'),
  EnableNetworkIsolation: z.boolean().optional(),
  Tags,
});
const ProductionVariant = z
  .strictObject({
    VariantName: Name,
    ModelName: Name,
    InitialVariantWeight: z.number().min(0).default(1),
    InitialInstanceCount: z.int().min(1).optional(),
    InstanceType: z.string().startsWith('ml.').optional(),
    ServerlessConfig: z
      .strictObject({
        MemorySizeInMB: z.int().min(1024).max(6144).multipleOf(1024),
        MaxConcurrency: z.int().min(1).max(200),
      })
      .optional(),
    ContainerStartupHealthCheckTimeoutInSeconds: z.int().min(60).max(3600).optional(),
    ModelDataDownloadTimeoutInSeconds: z.int().min(60).max(3600).optional(),
  })
  .refine(
    ({ InstanceType, ServerlessConfig }) =>
      (InstanceType === undefined) !== (ServerlessConfig === undefined),
    'needs either InstanceType or ServerlessConfig',
  );
const CreateEndpointConfigInput = z.strictObject({
  EndpointConfigName: Name,
  ProductionVariants: z.array(ProductionVariant).min(1).max(10),
  KmsKeyId: z.string().optional(),
  Tags,
});
const CreateEndpointInput = z.strictObject({ EndpointName: Name, EndpointConfigName: Name, Tags });
const EndpointNamed = z.strictObject({ EndpointName: Name });

/** SageMaker's control plane, as far as hosting goes. */
export function hostingOperations(hosting: Hosting): Readonly<Record<string, Operation>> {
  return {
    ...modelOperations(hosting),
    ...configOperations(hosting),
    ...endpointOperations(hosting),
  };
}

function modelOperations({ place, models }: Hosting): Readonly<Record<string, Operation>> {
  return {
    async CreateModel(request, call) {
      const input = parseInput(CreateModelInput, request);
      const arn = sageMakerArn(place, 'model', input.ModelName);
      authorizeCreate(call, 'CreateModel', arn, input.Tags);
      call.authorize('iam:PassRole', input.ExecutionRoleArn, {
        'iam:PassedToService': 'sagemaker.amazonaws.com',
      });
      if (models.get(input.ModelName)) throw alreadyExists('model', arn);
      const { Image, Environment, ModelDataUrl, ModelDataSource } = input.PrimaryContainer;
      await models.set(input.ModelName, {
        name: input.ModelName,
        image: Image,
        modelDataUrl: ModelDataUrl ?? ModelDataSource?.S3DataSource.S3Uri ?? '',
        environment: Environment,
      });
      return { ModelArn: arn };
    },
    async DeleteModel(request, call) {
      const { ModelName } = parseInput(z.strictObject({ ModelName: Name }), request);
      const arn = sageMakerArn(place, 'model', ModelName);
      call.authorize('sagemaker:DeleteModel', arn);
      if (!models.get(ModelName)) throw notFound('model', arn);
      await models.delete(ModelName);
      return {};
    },
  };
}

function configOperations(hosting: Hosting): Readonly<Record<string, Operation>> {
  const { place, models, configs } = hosting;
  return {
    async CreateEndpointConfig(request, call) {
      const input = parseInput(CreateEndpointConfigInput, request);
      const arn = sageMakerArn(place, 'endpoint-config', input.EndpointConfigName);
      authorizeCreate(call, 'CreateEndpointConfig', arn, input.Tags);
      if (configs.get(input.EndpointConfigName)) throw alreadyExists('endpoint configuration', arn);
      for (const { ModelName } of input.ProductionVariants) {
        if (!models.get(ModelName))
          throw notFound('model', sageMakerArn(place, 'model', ModelName));
      }
      const variants = input.ProductionVariants.map(toVariant);
      await configs.set(input.EndpointConfigName, { variants });
      return { EndpointConfigArn: arn };
    },
    async DeleteEndpointConfig(request, call) {
      const input = parseInput(z.strictObject({ EndpointConfigName: Name }), request);
      const arn = sageMakerArn(place, 'endpoint-config', input.EndpointConfigName);
      call.authorize('sagemaker:DeleteEndpointConfig', arn);
      if (!configs.get(input.EndpointConfigName)) throw notFound('endpoint configuration', arn);
      await configs.delete(input.EndpointConfigName);
      return {};
    },
  };
}

function toVariant(input: z.output<typeof ProductionVariant>): Variant {
  const { ServerlessConfig: serverless, InitialInstanceCount } = input;
  return {
    name: input.VariantName,
    modelName: input.ModelName,
    weight: input.InitialVariantWeight,
    ...(serverless === undefined
      ? { instanceCount: InitialInstanceCount ?? 1 }
      : {
          serverless: {
            memoryMb: serverless.MemorySizeInMB,
            maxConcurrency: serverless.MaxConcurrency,
          },
        }),
  };
}

function endpointOperations(hosting: Hosting): Readonly<Record<string, Operation>> {
  const { place, clock, models, configs, endpoints } = hosting;
  return {
    async CreateEndpoint(request, call) {
      const input = parseInput(CreateEndpointInput, request);
      const arn = sageMakerArn(place, 'endpoint', input.EndpointName);
      const configArn = sageMakerArn(place, 'endpoint-config', input.EndpointConfigName);
      authorizeCreate(call, 'CreateEndpoint', arn, input.Tags);
      call.authorize('sagemaker:CreateEndpoint', configArn);
      if (endpoints.get(input.EndpointName)) throw alreadyExists('endpoint', arn);
      const config = configs.get(input.EndpointConfigName);
      if (config === undefined) throw notFound('endpoint configuration', configArn);
      const variants = config.variants.map((variant) => {
        const model = models.get(variant.modelName);
        if (model !== undefined) return { ...variant, model };
        throw notFound('model', sageMakerArn(place, 'model', variant.modelName));
      });
      await endpoints.set(input.EndpointName, {
        name: input.EndpointName,
        configName: input.EndpointConfigName,
        createdAtMs: clock.nowMs(),
        variants,
      });
      return { EndpointArn: arn };
    },
    async DescribeEndpoint(request, call) {
      const { EndpointName } = parseInput(EndpointNamed, request);
      const arn = sageMakerArn(place, 'endpoint', EndpointName);
      call.authorize('sagemaker:DescribeEndpoint', arn);
      const endpoint = endpoints.get(EndpointName);
      if (endpoint === undefined) throw notFound('endpoint', arn);
      return describeEndpoint(endpoint, arn, isInService(endpoint, clock));
    },
    async DeleteEndpoint(request, call) {
      const { EndpointName } = parseInput(EndpointNamed, request);
      const arn = sageMakerArn(place, 'endpoint', EndpointName);
      call.authorize('sagemaker:DeleteEndpoint', arn);
      const endpoint = endpoints.get(EndpointName);
      if (endpoint === undefined) throw notFound('endpoint', arn);
      if (!isInService(endpoint, clock)) {
        throw invalid(`Cannot update in-progress endpoint "${arn}".`);
      }
      await endpoints.delete(EndpointName);
      return {};
    },
  };
}

/** Nothing happens when an endpoint becomes ready, so that a restart has nothing to resume. */
export function isInService({ createdAtMs }: Endpoint, clock: Clock): boolean {
  return clock.nowMs() >= createdAtMs + CREATION_MS;
}

function describeEndpoint(endpoint: Endpoint, arn: string, isReady: boolean): object {
  const createdAtSeconds = endpoint.createdAtMs / 1000;
  return {
    EndpointName: endpoint.name,
    EndpointArn: arn,
    EndpointConfigName: endpoint.configName,
    EndpointStatus: isReady ? 'InService' : 'Creating',
    CreationTime: createdAtSeconds,
    LastModifiedTime: createdAtSeconds + (isReady ? CREATION_MS / 1000 : 0),
    ProductionVariants: endpoint.variants.map(({ name, weight, instanceCount, serverless }) => ({
      VariantName: name,
      CurrentWeight: weight,
      DesiredWeight: weight,
      ...(instanceCount !== undefined && {
        CurrentInstanceCount: isReady ? instanceCount : 0,
        DesiredInstanceCount: instanceCount,
      }),
      ...(serverless && {
        CurrentServerlessConfig: {
          MemorySizeInMB: serverless.memoryMb,
          MaxConcurrency: serverless.maxConcurrency,
        },
      }),
    })),
  };
}

/** Tags at creation need a permission of their own. */
function authorizeCreate(call: Call, operation: string, arn: string, tags: unknown): void {
  call.authorize(`sagemaker:${operation}`, arn);
  if (tags !== undefined) call.authorize('sagemaker:AddTags', arn);
}

/** SageMaker writes the names in its ARNs in lower case. */
export function sageMakerArn({ account, region }: Place, kind: string, name: string): string {
  return `arn:aws:sagemaker:${region}:${account}:${kind}/${name.toLowerCase()}`;
}

function alreadyExists(kind: string, arn: string): ServiceError {
  return invalid(`Cannot create already existing ${kind} "${arn}".`);
}

function notFound(kind: string, arn: string): ServiceError {
  return invalid(`Could not find ${kind} "${arn}".`);
}

/** SageMaker has one code for all of these; only its words tell them apart. */
function invalid(message: string): ServiceError {
  return new ServiceError(400, 'ValidationException', message);
}
