import * as z from 'zod/mini';
import { strictObject } from './strict-object.ts';

const count = z.int().check(z.gte(1));
const memoryMb = z.int().check(z.gte(128), z.lte(10_240));

/** Settings of the serving function, which every model has, SageMaker-backed ones too. */
const servingFunction = {
  memoryMb,
  timeoutSeconds: z.int().check(z.gte(1), z.lte(29)),
  /** 0 for none; the account's unreserved concurrency must keep at least 100. */
  reservedConcurrency: z.int().check(z.gte(0)),
  /** 0 for none. */
  provisionedConcurrency: z.int().check(z.gte(0)),
  /** An IAM-signed function URL beside the API, for callers of high volume inside AWS. */
  functionUrl: z.boolean(),
};

const LambdaRuntime = strictObject({
  kind: z.literal('lambda'),
  ...servingFunction,
  /** ONNX Runtime has open crash reports on arm64 Lambda: choose it after a canary only. */
  architecture: z.enum(['x86_64', 'arm64']),
});

const SageMakerRuntime = strictObject({
  kind: z.literal('sagemaker'),
  ...servingFunction,
  /** Image that answers Open Inference Protocol on /invocations, such as the Triton container. */
  image: z.string().check(z.minLength(1)),
  hosting: z.discriminatedUnion('kind', [
    strictObject({ kind: z.literal('instance'), instanceType: z.string(), instances: count }),
    strictObject({
      kind: z.literal('serverless'),
      memoryMb: z.literal([1024, 2048, 3072, 4096, 5120, 6144]),
      maximumConcurrency: z.int().check(z.gte(1), z.lte(200)),
    }),
  ]),
});

export const ModelRuntime = z.discriminatedUnion('kind', [LambdaRuntime, SageMakerRuntime]);
export type ModelRuntime = z.infer<typeof ModelRuntime>;
