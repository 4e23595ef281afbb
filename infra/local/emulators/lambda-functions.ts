import { join } from 'node:path';
import type { EnvironmentHooks, FunctionImage } from '../workers/environment.ts';
import { EnvironmentPool } from '../workers/environment-pool.ts';
import type { Resource } from './emulator.ts';
import { isRecord } from './json.ts';
import { failureDestinationOf } from './lambda-destinations.ts';

/** What functions run on. */
export interface FunctionHost {
  readonly folder: string;
  /** Environments of one function at once. */
  readonly environments: number;
  /** Real milliseconds before each further attempt at an asynchronous event; Lambda waits 1 and 2 minutes. */
  readonly retryDelaysMs: readonly number[];
  /** Unpacked code of a function or a layer. */
  readonly assetFolder: (property: unknown) => string;
  /** Unpacked layer, which may differ from the template's where its binaries are for another machine. */
  readonly layerFolder: (layer: Resource) => string;
  /** Endpoints and credentials, as an environment of this role gets them. */
  readonly ambient: (roleArn: string, functionName: string) => Readonly<Record<string, string>>;
  readonly onLine: (logGroup: string, stream: string, line: string) => void;
  readonly onStart: (pid: number) => void;
  readonly onExit: (pid: number) => void;
}

export interface EmulatedFunction {
  readonly name: string;
  readonly arn: string;
  readonly pool: EnvironmentPool;
  readonly failureDestination: string | undefined;
  readonly retries: number;
}

const stringOf = (value: unknown): string => (typeof value === 'string' ? value : '');

/** A function of the template, with what its event configuration says of failures. */
export function emulateFunction(
  resource: Resource,
  resources: readonly Resource[],
  host: FunctionHost,
): EmulatedFunction {
  const { ref: name, attributes, properties } = resource;
  const logGroup = isRecord(properties['LoggingConfig'])
    ? stringOf(properties['LoggingConfig']['LogGroup'])
    : '';
  const invokeConfig = resources.find(
    ({ type, properties: config }) =>
      type === 'AWS::Lambda::EventInvokeConfig' && config['FunctionName'] === name,
  );
  const reserved = properties['ReservedConcurrentExecutions'];
  const hooks: EnvironmentHooks = {
    onLine: (line, stream) => host.onLine(logGroup, stream, line),
    onStart: host.onStart,
    onExit: host.onExit,
  };
  return {
    name,
    arn: attributes['Arn'] ?? '',
    pool: new EnvironmentPool(imageOf(resource, resources, host), hooks, {
      environments: host.environments,
      reserved: typeof reserved === 'number' ? reserved : undefined,
    }),
    failureDestination: failureDestinationOf(invokeConfig),
    retries: Number(invokeConfig?.properties['MaximumRetryAttempts'] ?? host.retryDelaysMs.length),
  };
}

function imageOf(
  { ref: name, attributes, properties }: Resource,
  resources: readonly Resource[],
  host: FunctionHost,
): FunctionImage {
  const { Environment } = properties;
  const declared = isRecord(Environment) ? Environment['Variables'] : {};
  const layers = Array.isArray(properties['Layers']) ? properties['Layers'] : [];
  return {
    name,
    arn: attributes['Arn'] ?? '',
    codeFolder: host.assetFolder(properties['Code']),
    layerFolders: resources
      .filter(({ type, ref }) => type === 'AWS::Lambda::LayerVersion' && layers.includes(ref))
      .map(host.layerFolder),
    handler: stringOf(properties['Handler']),
    environment: {
      ...(declared as Record<string, string>),
      ...host.ambient(stringOf(properties['Role']), name),
    },
    memoryMb: Number(properties['MemorySize'] ?? 128),
    timeoutMs: Number(properties['Timeout'] ?? 3) * 1000,
    temporaryFolder: join(host.folder, 'tmp', name),
  };
}

/** `name` of `name`, `arn:…:function:name` and `arn:…:function:name:qualifier`. */
export const nameIn = (nameOrArn: string): string =>
  /:function:([^:]+)/.exec(nameOrArn)?.[1] ?? nameOrArn;
