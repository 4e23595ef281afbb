import { randomUUID } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Level } from 'level';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { dispatch, type Operation, parseInput } from './aws-json.ts';
import type { Call, Emulator, Place } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import {
  type Archive,
  type BusEvent,
  busName,
  DEFAULT_BUS,
  type Rule,
  readArchives,
  readRules,
} from './event-rules.ts';
import { EVENTS_TYPES } from './events-types.ts';
import type { InjectedFaults } from './injected-faults.ts';
import { isRecord, type JsonObject } from './json.ts';
import { runSchedules } from './run-schedules.ts';
import { TargetQueue, type TargetQueueOptions } from './target-queue.ts';

export interface EventsOptions extends Omit<TargetQueueOptions, 'level'> {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly faults?: InjectedFaults;
}

/** The emulator with what services do to the default bus, and tests ask of archives. */
export interface Events extends Emulator {
  /** Puts an event of a service, already in its envelope. */
  putServiceEvent(event: object): Promise<void>;
  /** Everything an archive holds, oldest first. */
  archived(archive: string): AsyncIterable<BusEvent>;
}

const Entry = z.object({
  Source: z.string().optional(),
  DetailType: z.string().optional(),
  Detail: z.string().optional(),
  EventBusName: z.string().optional(),
  Resources: z.array(z.string()).default([]),
  /** Epoch seconds. */
  Time: z.number().optional(),
});
type Entry = z.output<typeof Entry>;
const PutEventsInput = z.object({ Entries: z.array(Entry).min(1).max(10) });

/** Of all entries together. */
const LARGEST_REQUEST_BYTES = 1024 * 1024;

/**
 * EventBridge buses, rules, archives and schedules. Once PutEvents has answered, an event and all that
 * must come of it are on disk.
 */
export class EventsEmulator implements Events {
  readonly signingName = 'events';
  readonly types = EVENTS_TYPES;
  readonly #options: EventsOptions;
  readonly #stopping = new AbortController();
  #level: Level<string, unknown> | undefined;
  #queue: TargetQueue | undefined;
  #buses: ReadonlySet<string> = new Set();
  #rules: readonly Rule[] = [];
  #archives: readonly Archive[] = [];
  #schedules: Promise<void> = Promise.resolve();
  #sequence = 0;

  constructor(options: EventsOptions) {
    this.#options = options;
  }

  async start(...[resources]: Parameters<Emulator['start']>): Promise<void> {
    const { folder } = this.#options;
    const buses = resources.filter(({ type }) => type === 'AWS::Events::EventBus');
    this.#buses = new Set([DEFAULT_BUS, ...buses.map(({ ref }) => ref)]);
    this.#rules = readRules(resources);
    this.#archives = readArchives(resources);
    for (const { name, bus } of [...this.#rules, ...this.#archives])
      if (!this.#buses.has(bus)) throw new TypeError(`${name}: there is no event bus ${bus}`);
    await mkdir(folder, { recursive: true });
    this.#level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
    this.#queue = new TargetQueue({ ...this.#options, level: this.#level });
    await this.#queue.start();
    this.#schedules = runSchedules(
      this.#rules.flatMap((rule) =>
        rule.schedule
          ? [{ schedule: rule.schedule, fire: (atMs: number) => this.#fire(rule, atMs) }]
          : [],
      ),
      this.#options,
      this.#stopping.signal,
    );
  }

  handle(call: Call): ReturnType<Emulator['handle']> {
    const operations: Readonly<Record<string, Operation>> = {
      PutEvents: (request, by) => this.#putEvents(request, by),
    };
    const protocol = { targetPrefix: 'AWSEvents', version: '1.1' } as const;
    const { faults } = this.#options;
    return dispatch({ name: 'EventBridge', ...protocol, operations, faults }, call);
  }

  async putServiceEvent(event: object): Promise<void> {
    await this.#accept([{ bus: DEFAULT_BUS, event: event as BusEvent }]);
  }

  async *archived(archive: string): AsyncIterable<BusEvent> {
    const prefix = `archive/${archive}/`;
    const range = { gte: prefix, lt: `${prefix}\u{10ffff}` };
    for await (const event of this.#level?.values(range) ?? []) yield event as BusEvent;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#schedules;
    await this.#queue?.stop();
    await this.#level?.close();
  }

  get #opened(): TargetQueue {
    if (this.#queue) return this.#queue;
    throw new Error('the EventBridge emulator is not started');
  }

  async #putEvents(request: JsonObject, call: Call): Promise<object> {
    const { Entries } = parseInput(PutEventsInput, request);
    const bytes = Entries.reduce((sum, entry) => sum + sizeOf(entry), 0);
    if (bytes > LARGEST_REQUEST_BYTES)
      throw new ServiceError(
        400,
        'ValidationException',
        `Total size of the entries in the request is over the limit: ${bytes} > ${LARGEST_REQUEST_BYTES}.`,
      );
    for (const bus of new Set(Entries.map((entry) => busName(entry.EventBusName))))
      call.authorize('events:PutEvents', this.#busArn(bus));
    const results = Entries.map((entry) => this.#read(entry));
    await this.#accept(results.flatMap((result) => ('event' in result ? [result] : [])));
    return {
      FailedEntryCount: results.filter((result) => 'ErrorCode' in result).length,
      Entries: results.map((result) => ('event' in result ? { EventId: result.event.id } : result)),
    };
  }

  #busArn(bus: string): string {
    const { account, region } = this.#options.place;
    return `arn:aws:events:${region}:${account}:event-bus/${bus}`;
  }

  /** An entry in its envelope, or what is wrong with it. */
  #read(
    entry: Entry,
  ): { bus: string; event: BusEvent } | { ErrorCode: string; ErrorMessage: string } {
    const refuse = (ErrorCode: string, ErrorMessage: string) => ({ ErrorCode, ErrorMessage });
    const { Source, DetailType, Detail, Resources, Time } = entry;
    if (!Source)
      return refuse(
        'InvalidArgument',
        'Parameter Source is not valid. Reason: Source is a required argument.',
      );
    if (Source.startsWith('aws.'))
      return refuse('NotAuthorizedForSourceException', 'Not authorized for the source.');
    if (!DetailType)
      return refuse(
        'InvalidArgument',
        'Parameter DetailType is not valid. Reason: DetailType is a required argument.',
      );
    if (!Detail)
      return refuse(
        'InvalidArgument',
        'Parameter Detail is not valid. Reason: Detail is a required argument.',
      );
    const detail = parseObject(Detail);
    if (!detail) return refuse('MalformedDetail', 'Detail is malformed.');
    const bus = busName(entry.EventBusName);
    if (!this.#buses.has(bus))
      return refuse('ResourceNotFoundException', `Event bus ${bus} does not exist.`);
    const { account, region } = this.#options.place;
    const atMs = Time === undefined ? this.#options.clock.nowMs() : Time * 1000;
    const event = {
      version: '0',
      id: randomUUID(),
      'detail-type': DetailType,
      source: Source,
      account,
      time: isoSecond(atMs),
      region,
      resources: Resources,
      detail,
    };
    return { bus, event };
  }

  /** Everything that comes of these events is on disk when this resolves. */
  async #accept(events: readonly { bus: string; event: BusEvent }[]): Promise<void> {
    const nowMs = this.#options.clock.nowMs();
    const deliveries = events.flatMap(({ bus, event }) =>
      this.#rules
        .filter((rule) => rule.bus === bus && rule.matches?.(event) === true)
        .flatMap((rule) => rule.targets.map((target) => target.delivery(event, rule, nowMs))),
    );
    const archived = events.flatMap(({ bus, event }) =>
      this.#archives
        .filter((archive) => archive.bus === bus && archive.matches(event))
        .map(({ name }) => ({
          type: 'put' as const,
          key: `archive/${name}/${this.#nextKey(nowMs)}`,
          value: event,
        })),
    );
    await this.#opened.accept(deliveries, archived);
  }

  /** Sorts by time, then by the order of acceptance. */
  #nextKey(nowMs: number): string {
    this.#sequence += 1;
    return `${String(Math.floor(nowMs)).padStart(15, '0')}-${String(this.#sequence).padStart(9, '0')}-${randomUUID().slice(0, 8)}`;
  }

  async #fire(rule: Rule, atMs: number): Promise<void> {
    const { account, region } = this.#options.place;
    const event: BusEvent = {
      version: '0',
      id: randomUUID(),
      'detail-type': 'Scheduled Event',
      source: 'aws.events',
      account,
      time: isoSecond(atMs),
      region,
      resources: [rule.arn],
      detail: {},
    };
    await this.#opened.accept(rule.targets.map((target) => target.delivery(event, rule, atMs)));
  }
}

const isoSecond = (atMs: number): string => `${new Date(atMs).toISOString().slice(0, 19)}Z`;

/** https://docs.aws.amazon.com/eventbridge/latest/userguide/eb-putevents.html */
function sizeOf({ Source = '', DetailType = '', Detail = '', Resources, Time }: Entry): number {
  const texts = [Source, DetailType, Detail, ...Resources];
  return texts.reduce((sum, text) => sum + Buffer.byteLength(text), Time === undefined ? 0 : 14);
}

function parseObject(text: string): JsonObject | undefined {
  try {
    const parsed: unknown = JSON.parse(text);
    return isRecord(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}
