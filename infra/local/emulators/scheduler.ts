import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import { notEmulated } from './aws-json.ts';
import type {
  Call,
  EmulatedType,
  Emulator,
  Place,
  Principal,
  Reply,
  Resource,
} from './emulator.ts';
import { explained, readRetry } from './event-rules.ts';
import { asText, isRecord, type JsonObject } from './json.ts';
import { physicalName } from './physical-name.ts';
import { runSchedules, type Scheduled } from './run-schedules.ts';
import { parseSchedule } from './schedule-expression.ts';
import { type PendingDelivery, TargetQueue, type TargetQueueOptions } from './target-queue.ts';

export interface SchedulerOptions extends Omit<TargetQueueOptions, 'level'> {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
}

const DEFAULT_GROUP = 'default';

const SCHEDULER_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::Scheduler::ScheduleGroup': {
    identify(declared, { account, region }) {
      const name = physicalName(declared, 'Name', 64);
      const arn = `arn:aws:scheduler:${region}:${account}:schedule-group/${name}`;
      return { ref: name, attributes: { Arn: arn } };
    },
    honoured: ['Name'],
    inert: { Tags: 'nothing reads them' },
  },
  'AWS::Scheduler::Schedule': {
    identify(declared, place) {
      const name = physicalName(declared, 'Name', 64);
      return { ref: name, attributes: { Arn: scheduleArn(name, DEFAULT_GROUP, place) } };
    },
    honoured: [
      'FlexibleTimeWindow',
      'GroupName',
      'Name',
      'ScheduleExpression',
      'ScheduleExpressionTimezone',
      'State',
      'Target',
    ],
    inert: {
      Description: 'for people',
      KmsKeyArn: 'what it encrypts never leaves this machine',
    },
  },
};

const scheduleArn = (name: string, group: string, { account, region }: Place): string =>
  `arn:aws:scheduler:${region}:${account}:schedule/${group}/${name}`;

/** EventBridge Scheduler's schedules of a template, fired in their roles on the virtual clock. */
export class SchedulerEmulator implements Emulator {
  readonly signingName = 'scheduler';
  readonly types = SCHEDULER_TYPES;
  readonly #options: SchedulerOptions;
  readonly #stopping = new AbortController();
  #level: Level<string, unknown> | undefined;
  #queue: TargetQueue | undefined;
  #running: Promise<void> = Promise.resolve();

  constructor(options: SchedulerOptions) {
    this.#options = options;
  }

  async start(resources: readonly Resource[]): Promise<void> {
    const { folder, place } = this.#options;
    const schedules = resources
      .filter(({ type }) => type === 'AWS::Scheduler::Schedule')
      .filter(({ properties }) => properties['State'] !== 'DISABLED')
      .map((resource) => explained(resource, () => readSchedule(resource, place)));
    await mkdir(folder, { recursive: true });
    this.#level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
    const queue = new TargetQueue({ ...this.#options, level: this.#level });
    this.#queue = queue;
    await queue.start();
    this.#running = runSchedules(
      schedules.map(
        (each): Scheduled => ({
          schedule: each.schedule,
          fire: (atMs) => queue.accept([each.delivery(atMs)]),
        }),
      ),
      this.#options,
      this.#stopping.signal,
    );
  }

  async handle(call: Call): Promise<Reply> {
    throw notEmulated('Scheduler', `${call.method} ${call.path}`, []);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#running;
    await this.#queue?.stop();
    await this.#level?.close();
  }
}

const TARGETS = /^arn:aws:(?:lambda|sqs|sns|states):/;

/** @throws TypeError for what Scheduler would refuse, or is not emulated. */
function readSchedule({ ref: name, properties }: Resource, place: Place) {
  const window = properties['FlexibleTimeWindow'];
  if (!isRecord(window) || window['Mode'] !== 'OFF')
    throw new TypeError('a flexible time window is not emulated: its Mode must be OFF');
  const target = isRecord(properties['Target']) ? properties['Target'] : {};
  const targetArn = asText(target['Arn']);
  if (!TARGETS.test(targetArn)) throw new TypeError(`the target ${targetArn} is not emulated`);
  const timeZone = asText(properties['ScheduleExpressionTimezone'] ?? 'UTC');
  const arn = scheduleArn(name, asText(properties['GroupName'] ?? DEFAULT_GROUP), place);
  const render = compileInput(target['Input'], arn, place);
  const sender = {
    principal: roleOf(target),
    sourceArn: arn,
  };
  const deadLetters = isRecord(target['DeadLetterConfig'])
    ? asText(target['DeadLetterConfig']['Arn'])
    : undefined;
  return {
    schedule: parseSchedule(asText(properties['ScheduleExpression']), timeZone),
    delivery(atMs: number): PendingDelivery {
      const executionName = randomUUID();
      return {
        targetArn,
        payload: render(atMs, executionName),
        sender,
        executionName,
        acceptedAtMs: atMs,
        retry: readRetry(target['RetryPolicy']),
        ...(deadLetters !== undefined && { deadLetters: { queueArn: deadLetters, sender } }),
        about: { SCHEDULE_ARN: arn, TARGET_ARN: targetArn },
      };
    },
  };
}

function roleOf(target: JsonObject): Principal {
  return { kind: 'role', arn: asText(target['RoleArn']), sessionName: 'scheduler' };
}

/** The input with Scheduler's own words replaced; without one, an event that says what fired. */
function compileInput(input: unknown, arn: string, { account, region }: Place) {
  return (atMs: number, executionId: string): string => {
    const time = `${new Date(atMs).toISOString().slice(0, 19)}Z`;
    if (typeof input !== 'string')
      return JSON.stringify({
        version: '0',
        id: executionId,
        'detail-type': 'Scheduled Event',
        source: 'aws.scheduler',
        account,
        time,
        region,
        resources: [arn],
        detail: '{}',
      });
    return input
      .replaceAll('<aws.scheduler.schedule-arn>', arn)
      .replaceAll('<aws.scheduler.scheduled-time>', time)
      .replaceAll('<aws.scheduler.execution-id>', executionId)
      .replaceAll('<aws.scheduler.attempt-number>', '1');
  };
}
