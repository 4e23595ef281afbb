import { featuresOf } from '../../functions/contracts/feature.ts';
import { type ModelSpec, parseModelSpec } from '../../functions/contracts/model-spec.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';

const { number } = featuresOf();

/** A small valid regression: FP32 input `x` of three columns, FP32 output `o` of one. */
export function aModel(name = 'm', overrides: Partial<ModelSpec> = {}): ModelSpec {
  const features = ['a', 'b', 'c'].map((feature) =>
    number(feature, 'count', [-1_000_000, 1_000_000], 'A number.', { required: false }),
  );
  return parseModelSpec(
    {
      ...deliveryTime,
      name,
      description: 'A model of a test.',
      task: {
        kind: 'regression',
        label: 'y',
        unit: 'points',
        tolerance: 1,
        prediction: 'points',
        quantiles: [],
      },
      features,
      signature: {
        inputs: [{ name: 'x', datatype: 'FP32', columns: ['a', 'b', 'c'] }],
        outputs: [{ name: 'o', datatype: 'FP32', columns: ['points'] }],
      },
      entityKeys: [],
      example: { instances: [{ a: 1, b: 2, c: 3 }] },
      edgeCases: [],
      promotion: { unit: 'customer', steps: [{ kind: 'smoke-test' }, { kind: 'production' }] },
      ...overrides,
    },
    `the test's model ${name}`,
  );
}

/** Hosted by SageMaker instead of Lambda itself. */
export const HOSTED_RUNTIME = {
  kind: 'sagemaker',
  image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/triton:26.07',
  hosting: { kind: 'serverless', memoryMb: 2048, maximumConcurrency: 1 },
  memoryMb: 512,
  timeoutSeconds: 2,
  reservedConcurrency: 0,
  provisionedConcurrency: 0,
  functionUrl: false,
} as const satisfies ModelSpec['runtime'];
