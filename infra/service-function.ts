import { PolicyStatement, Role, ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import {
  Architecture,
  Code,
  type IDestination,
  type ILayerVersion,
  Function as LambdaFunction,
  Runtime,
  Tracing,
} from 'aws-cdk-lib/aws-lambda';
import { LogGroup } from 'aws-cdk-lib/aws-logs';
import type { IQueue } from 'aws-cdk-lib/aws-sqs';
import { Duration, RemovalPolicy, type Size } from 'aws-cdk-lib/core';
import type { Construct } from 'constructs';
import type * as z from 'zod/mini';
import { acknowledge } from './acknowledgements.ts';
import { bundleFolder, type HandlerName } from './bundle.ts';
import { DEFAULTS } from './config.ts';

/** How a function is invoked decides what becomes of its failures. */
export type Invocation =
  /** Somebody waits for the answer and sees the failure. */
  | { readonly kind: 'synchronous' }
  /** Nobody waits: what fails after Lambda's retries goes to the queue, which has an alarm. */
  | { readonly kind: 'asynchronous'; readonly deadLetters: IQueue };

export interface ServiceFunctionProps<Env extends z.core.$ZodType> {
  /** `serve/request`: the file of the handler below `functions/`, without `.handler.ts`. */
  readonly handler: HandlerName;
  readonly description: string;
  /** The schema in the verb's `env.ts`; `environment` must satisfy it at compile time. */
  readonly env: Env;
  readonly environment: Readonly<Record<keyof z.output<Env>, string>>;
  /** JSON files deployed beside the code, by name; with an id that tells this copy from others. */
  readonly files?: { readonly id: string; readonly content: Readonly<Record<string, unknown>> };
  readonly invocation: Invocation;
  readonly stage: string;
  readonly key: IKey;
  readonly memoryMb?: number;
  readonly timeout?: Duration;
  /** Of /tmp; 512 MB without. */
  readonly diskSize?: Size;
  readonly architecture?: Architecture;
  readonly layers?: ILayerVersion[];
  /** Off unless set: new accounts have little concurrency, and a reservation takes from all others. */
  readonly reservedConcurrency?: number;
}

/** The one way to declare a Lambda function here. */
export class ServiceFunction<Env extends z.core.$ZodType = z.core.$ZodType> extends LambdaFunction {
  readonly logs: LogGroup;
  declare readonly role: Role;

  constructor(scope: Construct, id: string, props: ServiceFunctionProps<Env>) {
    const { handler, files, invocation, key } = props;
    const logs = new LogGroup(scope, `${id}Logs`, {
      logGroupName: `/slipway/${props.stage}/${handler}${files ? `/${files.id}` : ''}`,
      retention: DEFAULTS.logRetention,
      removalPolicy: RemovalPolicy.DESTROY,
      encryptionKey: key,
    });
    const role = roleWritingTo(logs, scope, id);
    super(scope, id, {
      description: props.description,
      role,
      runtime: Runtime.NODEJS_24_X,
      architecture: props.architecture ?? Architecture.X86_64,
      handler: 'index.handler',
      code: Code.fromAsset(bundleFolder(handler, files?.content)),
      memorySize: props.memoryMb ?? DEFAULTS.smallMemoryMb,
      timeout: props.timeout ?? DEFAULTS.apiTimeout,
      ...(props.diskSize && { ephemeralStorageSize: props.diskSize }),
      environment: { ...props.environment },
      environmentEncryption: key,
      layers: props.layers ?? [],
      tracing: Tracing.ACTIVE,
      logGroup: logs,
      ...(props.reservedConcurrency && { reservedConcurrentExecutions: props.reservedConcurrency }),
      ...(invocation.kind === 'asynchronous' && {
        onFailure: sendingTo(invocation.deadLetters, key),
        retryAttempts: 2,
        maxEventAge: Duration.hours(6),
      }),
    });
    this.logs = logs;
  }
}

/** AWS's managed policy for functions would let each write to every log group of the account. */
function roleWritingTo(logs: LogGroup, scope: Construct, id: string): Role {
  const role = new Role(scope, `${id}Role`, {
    assumedBy: new ServicePrincipal('lambda.amazonaws.com'),
  });
  logs.grantWrite(role);
  acknowledge(
    role,
    'IAM5[Resource::*]',
    'X-Ray knows no resources: PutTraceSegments and PutTelemetryRecords can be allowed for all or for none.',
  );
  return role;
}

/** CDK's own destination would grant every use of the key; sending takes two. */
const sendingTo = (queue: IQueue, key: IKey): IDestination => ({
  bind(_scope, sender) {
    sender.addToRolePolicy(
      new PolicyStatement({ actions: ['sqs:SendMessage'], resources: [queue.queueArn] }),
    );
    sender.addToRolePolicy(
      new PolicyStatement({
        actions: ['kms:GenerateDataKey', 'kms:Decrypt'],
        resources: [key.keyArn],
      }),
    );
    return { destination: queue.queueArn };
  },
});
