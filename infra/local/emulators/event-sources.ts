import type { Clock } from '../clock.ts';
import type { Outcome } from '../workers/environment.ts';
import type { EmulatedType, Place, Principal, Resource } from './emulator.ts';
import { EventSourceMapping, type MappingSettings } from './event-source-mapping.ts';
import { asList, asText, isRecord } from './json.ts';
import { authorizeKeyUse } from './kms-keys.ts';
import { physicalName } from './physical-name.ts';
import type { Authorizer } from './policy.ts';
import type { Queue } from './sqs-queue.ts';

export interface EventSourcesOptions {
  readonly place: Place;
  readonly clock: Clock;
  readonly authorizer: Authorizer;
  readonly queue: (queueArn: string) => Queue;
  readonly invoke: (functionArn: string, payload: string) => Promise<Outcome>;
  readonly onFault: (fault: unknown) => void;
}

/** Lambda starts with this many pollers; it would add more than a laptop has environments for. */
const POLLERS = 5;

export const EVENT_SOURCE_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::Lambda::EventSourceMapping': {
    identify(declared) {
      const id = physicalName(declared, '', 100);
      return { ref: id, attributes: { Id: id } };
    },
    honoured: [
      'BatchSize',
      'Enabled',
      'EventSourceArn',
      'FunctionName',
      'FunctionResponseTypes',
      'MaximumBatchingWindowInSeconds',
      'ScalingConfig',
    ],
    inert: { Tags: 'nothing reads them' },
  },
};

/**
 * Starts the event source mappings of a template.
 * @throws TypeError for one that CreateEventSourceMapping would refuse, as for a missing permission.
 */
export function startEventSources(
  resources: readonly Resource[],
  options: EventSourcesOptions,
): readonly EventSourceMapping[] {
  const mappings = resources
    .filter(({ type }) => type === 'AWS::Lambda::EventSourceMapping')
    .filter(({ properties }) => properties['Enabled'] !== false)
    .map((mapping) => createMapping(mapping, resources, options));
  for (const mapping of mappings) mapping.start();
  return mappings;
}

function createMapping(
  mapping: Resource,
  resources: readonly Resource[],
  { place, clock, authorizer, queue: findQueue, invoke, onFault }: EventSourcesOptions,
): EventSourceMapping {
  const { path, properties } = mapping;
  const sourceArn = asText(properties['EventSourceArn']);
  if (!sourceArn.startsWith('arn:aws:sqs:'))
    throw new TypeError(`${path}: only queues are event sources here, not ${sourceArn}`);
  const queue = findQueue(sourceArn);
  const target = functionOf(mapping, resources);
  const settings = readSettings(mapping, target);
  const timeoutMs = Number(target.properties['Timeout'] ?? 3) * 1000;
  if (queue.settings.visibilityTimeoutMs < timeoutMs)
    throw new TypeError(
      `${path}: Queue visibility timeout: ${queue.settings.visibilityTimeoutMs / 1000} seconds is less than Function timeout: ${timeoutMs / 1000} seconds`,
    );
  const role: Principal = {
    kind: 'role',
    arn: asText(target.properties['Role']),
    sessionName: target.ref,
  };
  const { keyArn } = queue.settings;
  const authorize = (action: string) => {
    const call = { authorize: authorizer.authorize.bind(undefined, role) };
    call.authorize(action, sourceArn);
    if (action !== 'sqs:ReceiveMessage' || keyArn === undefined) return;
    const encryptionContext = { 'aws:sqs:arn': sourceArn };
    authorizeKeyUse(call, place, { action: 'kms:Decrypt', keyArn, via: 'sqs', encryptionContext });
  };
  for (const operation of ['ReceiveMessage', 'DeleteMessage', 'GetQueueAttributes'])
    explain(path, () => authorize(`sqs:${operation}`));
  return new EventSourceMapping({ settings, queue, place, clock, invoke, authorize, onFault });
}

function explain(path: string, check: () => void): void {
  try {
    check();
  } catch (cause) {
    const message = cause instanceof Error ? cause.message : String(cause);
    throw new TypeError(`${path}: the function may not read its queue: ${message}`, { cause });
  }
}

function functionOf({ path, properties }: Resource, resources: readonly Resource[]): Resource {
  const given = asText(properties['FunctionName']);
  const name = /:function:([^:]+)/.exec(given)?.[1] ?? given;
  const found = resources.find(({ type, ref }) => type === 'AWS::Lambda::Function' && ref === name);
  if (found) return found;
  throw new TypeError(`${path}: the template has no function ${given}`);
}

function readSettings({ path, properties }: Resource, target: Resource): MappingSettings {
  const batchSize = Number(properties['BatchSize'] ?? 10);
  const windowSeconds = Number(properties['MaximumBatchingWindowInSeconds'] ?? 0);
  if (batchSize > 10 && windowSeconds < 1)
    throw new TypeError(
      `${path}: a batch of ${batchSize} needs a MaximumBatchingWindowInSeconds of 1 or more`,
    );
  const scaling = properties['ScalingConfig'];
  const maximum = Number(
    (isRecord(scaling) ? scaling['MaximumConcurrency'] : undefined) ?? POLLERS,
  );
  if (!(maximum >= 2)) throw new TypeError(`${path}: MaximumConcurrency is 2 or more`);
  return {
    functionArn: target.attributes['Arn'] ?? '',
    batchSize,
    batchingWindowMs: windowSeconds * 1000,
    concurrency: Math.min(maximum, POLLERS),
    reportsItemFailures: asList(properties['FunctionResponseTypes']).includes(
      'ReportBatchItemFailures',
    ),
  };
}
