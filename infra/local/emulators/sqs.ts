import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import { dispatch, jsonError } from './aws-json.ts';
import { DurableMap } from './durable-map.ts';
import type { Call, Emulator, Place, Reply, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import type { InjectedFaults } from './injected-faults.ts';
import { authorizeSend, checkContent, sqsOperations } from './sqs-operations.ts';
import { type Message, type MessageAttributes, Queue } from './sqs-queue.ts';
import { readQueue, sqsTypes } from './sqs-types.ts';

/** Where messages live and which clock hides and expires them. */
export interface SqsOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  /** Where the front listens, such as `http://127.0.0.1:4566`; it becomes part of queue URLs. */
  readonly endpoint: string;
  readonly faults?: InjectedFaults;
}

/** The emulator with what other parts of the runner do to queues. */
export interface Sqs extends Emulator {
  /**
   * Puts a message as another part of the account would: Lambda for a failed invocation, SNS for a
   * subscription. `authorize` speaks for the principal that sends.
   */
  deliver(
    queueArn: string,
    content: {
      readonly body: string;
      readonly attributes?: MessageAttributes;
      readonly sender: string;
    },
    authorize: Call['authorize'],
  ): Promise<Message>;
  /** The queue itself, for what polls it inside the runner. @throws ServiceError when there is none. */
  queue(queueArn: string): Queue;
  /** Every queue of the template. */
  all(): Iterable<Queue>;
}

/** Clients of the older query protocol know this error by another name. */
const QUERY_CODES: Readonly<Record<string, string>> = {
  QueueDoesNotExist: 'AWS.SimpleQueueService.NonExistentQueue',
  EmptyBatchRequest: 'AWS.SimpleQueueService.EmptyBatchRequest',
  TooManyEntriesInBatchRequest: 'AWS.SimpleQueueService.TooManyEntriesInBatchRequest',
  BatchEntryIdsNotDistinct: 'AWS.SimpleQueueService.BatchEntryIdsNotDistinct',
  BatchRequestTooLong: 'AWS.SimpleQueueService.BatchRequestTooLong',
};

/** SQS standard queues on LevelDB. */
export function createSqs({ folder, place, clock, endpoint, faults }: SqsOptions): Sqs {
  let level: Level<string, unknown> | undefined;
  /** By ARN. */
  let queues: ReadonlyMap<string, Queue> = new Map();

  function queue(queueArn: string): Queue {
    const found = queues.get(queueArn);
    if (found !== undefined) return found;
    const message = `The specified queue does not exist: ${queueArn}`;
    throw new ServiceError(400, 'QueueDoesNotExist', message);
  }

  return {
    signingName: 'sqs',
    types: sqsTypes(endpoint),
    queue,
    all: () => queues.values(),
    async start(resources) {
      await mkdir(folder, { recursive: true });
      level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
      queues = await openQueues(level, resources, place, clock);
    },
    handle(call) {
      const operations = sqsOperations(queue, place);
      const protocol = { targetPrefix: 'AmazonSQS', version: '1.0' } as const;
      return dispatch({ name: 'SQS', ...protocol, operations, faults }, call);
    },
    renderError(error): Reply {
      const reply = jsonError(error);
      const code = QUERY_CODES[error.code] ?? error.code;
      return { ...reply, headers: { ...reply.headers, 'x-amzn-query-error': `${code};Sender` } };
    },
    async deliver(queueArn, { body, attributes = {}, sender }, authorize) {
      const target = queue(queueArn);
      authorizeSend({ authorize }, place, target.settings);
      checkContent(target.settings, body, attributes);
      return target.send({ body, attributes, senderId: sender });
    },
    async stop() {
      await level?.close();
    },
  };
}

async function openQueues(
  level: Level<string, unknown>,
  resources: readonly Resource[],
  place: Place,
  clock: Clock,
): Promise<ReadonlyMap<string, Queue>> {
  const queues = new Map<string, Queue>();
  for (const resource of resources.filter(({ type }) => type === 'AWS::SQS::Queue')) {
    const settings = readQueue(resource, place);
    const messages = await DurableMap.open<Message>(level, `${settings.name}/`);
    const deadLetters = () => queues.get(settings.redrive?.deadLetterArn ?? '');
    queues.set(settings.arn, new Queue(settings, messages, clock, deadLetters));
  }
  for (const { settings } of queues.values()) {
    if (settings.redrive !== undefined && !queues.has(settings.redrive.deadLetterArn)) {
      throw new TypeError(
        `The queue ${settings.name} redrives to ${settings.redrive.deadLetterArn}, which is not in the template.`,
      );
    }
  }
  return queues;
}
