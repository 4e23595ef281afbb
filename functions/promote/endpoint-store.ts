import {
  CreateEndpointCommand,
  CreateEndpointConfigCommand,
  CreateModelCommand,
  DeleteEndpointCommand,
  DeleteEndpointConfigCommand,
  DeleteModelCommand,
  DescribeEndpointCommand,
  type SageMakerClient,
  SageMakerServiceException,
} from '@aws-sdk/client-sagemaker';
import type { ModelRuntime } from '../contracts/model-runtime.ts';
import { artifactPrefix, type Version } from '../contracts/version.ts';

/** What the deployment knows of hosting one model on SageMaker; made at synth. */
export interface SageMakerHost {
  readonly roleArn: string;
  readonly bucket: string;
  /** Endpoints and their parts are named `<prefix>-<version>`. */
  readonly namePrefix: string;
  readonly kmsKeyArn: string;
}

type SageMakerRuntime = Extract<ModelRuntime, { kind: 'sagemaker' }>;
export type EndpointState =
  | { readonly kind: 'in-service'; readonly endpoint: string }
  | { readonly kind: 'creating' }
  | { readonly kind: 'failed'; readonly reason: string };

const VARIANT = 'serving';

/** The only code that makes and deletes SageMaker endpoints: one a version, named for it. */
export class EndpointStore {
  readonly #client: SageMakerClient;
  readonly #host: SageMakerHost;
  readonly #runtime: SageMakerRuntime;

  constructor(client: SageMakerClient, host: SageMakerHost, runtime: SageMakerRuntime) {
    this.#client = client;
    this.#host = host;
    this.#runtime = runtime;
  }

  /** Makes the endpoint unless it is there, and says how far it is. Safe to call again and again. */
  async ensure(version: Version): Promise<EndpointState> {
    const name = this.#nameOf(version);
    const found = await this.#describe(name);
    if (found) return found;
    await this.#createModel(name, version);
    await this.#createConfig(name);
    await ignoring('Cannot create already existing', () =>
      this.#client.send(
        new CreateEndpointCommand({ EndpointName: name, EndpointConfigName: name }),
      ),
    );
    return { kind: 'creating' };
  }

  /** SageMaker deletes no endpoint that is still being made. */
  async isBeingMade(version: Version): Promise<boolean> {
    return (await this.#describe(this.#nameOf(version)))?.kind === 'creating';
  }

  async remove(version: Version): Promise<void> {
    const name = this.#nameOf(version);
    await ignoring('Could not find', () =>
      this.#client.send(new DeleteEndpointCommand({ EndpointName: name })),
    );
    await ignoring('Could not find', () =>
      this.#client.send(new DeleteEndpointConfigCommand({ EndpointConfigName: name })),
    );
    await ignoring('Could not find', () =>
      this.#client.send(new DeleteModelCommand({ ModelName: name })),
    );
  }

  #nameOf({ version }: Version): string {
    return `${this.#host.namePrefix}-${version}`;
  }

  async #describe(name: string): Promise<EndpointState | undefined> {
    const found = await ignoring('Could not find', () =>
      this.#client.send(new DescribeEndpointCommand({ EndpointName: name })),
    );
    if (!found) return undefined;
    if (found.EndpointStatus === 'InService') return { kind: 'in-service', endpoint: name };
    if (found.EndpointStatus === 'Failed')
      return { kind: 'failed', reason: found.FailureReason ?? 'SageMaker gives no reason' };
    return { kind: 'creating' };
  }

  async #createModel(name: string, { model, digest }: Version): Promise<void> {
    const command = new CreateModelCommand({
      ModelName: name,
      ExecutionRoleArn: this.#host.roleArn,
      PrimaryContainer: {
        Image: this.#runtime.image,
        Environment: { SAGEMAKER_TRITON_DEFAULT_MODEL_NAME: model },
        ModelDataSource: {
          S3DataSource: {
            S3Uri: `s3://${this.#host.bucket}/${artifactPrefix(digest)}`,
            S3DataType: 'S3Prefix',
            CompressionType: 'None',
          },
        },
      },
    });
    await ignoring('Cannot create already existing', () => this.#client.send(command));
  }

  async #createConfig(name: string): Promise<void> {
    const { hosting } = this.#runtime;
    const command = new CreateEndpointConfigCommand({
      EndpointConfigName: name,
      ...(hosting.kind === 'instance' && { KmsKeyId: this.#host.kmsKeyArn }),
      ProductionVariants: [
        hosting.kind === 'instance'
          ? {
              VariantName: VARIANT,
              ModelName: name,
              InstanceType: hosting.instanceType as 'ml.m5.large',
              InitialInstanceCount: hosting.instances,
            }
          : {
              VariantName: VARIANT,
              ModelName: name,
              ServerlessConfig: {
                MemorySizeInMB: hosting.memoryMb,
                MaxConcurrency: hosting.maximumConcurrency,
              },
            },
      ],
    });
    await ignoring('Cannot create already existing', () => this.#client.send(command));
  }
}

/** SageMaker has one exception for all of these (ValidationException); only its words tell them apart. */
async function ignoring<T>(words: string, call: () => Promise<T>): Promise<T | undefined> {
  try {
    return await call();
  } catch (error) {
    if (error instanceof SageMakerServiceException && error.message.includes(words))
      return undefined;
    throw error;
  }
}
