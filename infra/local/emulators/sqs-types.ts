import type { EmulatedType, Place, Resource } from './emulator.ts';
import { asText, isRecord } from './json.ts';
import { keyArn } from './kms-keys.ts';
import { physicalName } from './physical-name.ts';
import type { QueueSettings } from './sqs-queue.ts';

/** @param endpoint where the front listens: clients take the host from the queue's URL. */
export function sqsTypes(endpoint: string): Readonly<Record<string, EmulatedType>> {
  return {
    'AWS::SQS::Queue': {
      identify(resource, place) {
        const name = physicalName(resource, 'QueueName', 80);
        const ref = queueUrl(endpoint, name, place);
        return {
          ref,
          attributes: { Arn: queueArn(name, place), QueueName: name, QueueUrl: ref },
        };
      },
      honoured: [
        'DelaySeconds',
        'KmsMasterKeyId',
        'MaximumMessageSize',
        'MessageRetentionPeriod',
        'QueueName',
        'ReceiveMessageWaitTimeSeconds',
        'RedrivePolicy',
        'VisibilityTimeout',
      ],
      inert: {
        KmsDataKeyReusePeriodSeconds: 'the use of the key is checked at every call',
        RedriveAllowPolicy: 'the queues of one template belong together',
        SqsManagedSseEnabled: 'what it encrypts never leaves this machine',
        Tags: 'no emulated policy looks at them',
      },
    },
    'AWS::SQS::QueuePolicy': {
      identify: (resource) => ({ ref: physicalName(resource, 'Id', 80), attributes: {} }),
      honoured: ['PolicyDocument', 'Queues'],
      inert: {},
    },
  };
}

/** A queue of the template with SQS's defaults. */
export function readQueue({ ref, path, properties }: Resource, place: Place): QueueSettings {
  if (properties['FifoQueue'] === true) {
    throw new TypeError(`${path}: FIFO queues are not emulated; use a standard queue`);
  }
  const seconds = (property: string, byDefault: number) =>
    Number(properties[property] ?? byDefault) * 1000;
  const name = ref.slice(ref.lastIndexOf('/') + 1);
  const key = properties['KmsMasterKeyId'];
  const redrive = readRedrive(properties['RedrivePolicy']);
  return {
    name,
    arn: queueArn(name, place),
    url: ref,
    visibilityTimeoutMs: seconds('VisibilityTimeout', 30),
    retentionMs: seconds('MessageRetentionPeriod', 4 * 24 * 3600),
    delayMs: seconds('DelaySeconds', 0),
    waitMs: seconds('ReceiveMessageWaitTimeSeconds', 0),
    largestMessageBytes: Number(properties['MaximumMessageSize'] ?? 1024 ** 2),
    ...(redrive && { redrive }),
    ...(key !== undefined && key !== '' && { keyArn: keyArn(asText(key), place) }),
  };
}

function readRedrive(property: unknown): QueueSettings['redrive'] {
  const policy: unknown = typeof property === 'string' ? JSON.parse(property) : property;
  if (!isRecord(policy)) return undefined;
  return {
    deadLetterArn: asText(policy['deadLetterTargetArn']),
    maxReceiveCount: Number(policy['maxReceiveCount']),
  };
}

/** The ARN of a queue of this account. */
export function queueArn(name: string, { account, region }: Place): string {
  return `arn:aws:sqs:${region}:${account}:${name}`;
}

function queueUrl(endpoint: string, name: string, { account }: Place): string {
  return `${endpoint}/${account}/${name}`;
}
