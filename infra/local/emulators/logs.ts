import { closeSync, createReadStream, existsSync, mkdirSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Clock } from '../clock.ts';
import { notEmulated } from './aws-json.ts';
import type { Call, EmulatedType, Emulator, Place, Reply, Resource } from './emulator.ts';
import { compileFilterPattern } from './logs-filter.ts';
import { type LogEvent, LogSubscription } from './logs-subscription.ts';
import { physicalName } from './physical-name.ts';

export interface LogsOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  /** Told of every event once it is on disk: metrics are extracted from it. */
  readonly onEvent: (group: string, event: LogEvent) => void;
  /** Has a function take one batch of a subscription for good. */
  readonly deliver: (functionArn: string, payload: string, sourceArn: string) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
}

interface LogGroup {
  readonly path: string;
  readonly file: number;
  readonly subscriptions: readonly LogSubscription[];
}

/** CloudWatch allows no more subscription filters on a log group. */
const SUBSCRIPTIONS_PER_GROUP = 2;
/** CloudWatch Logs takes no larger event; Lambda cuts what its functions write. */
const LARGEST_EVENT_BYTES = 1_048_576;

const LOG_GROUP: EmulatedType = {
  identify: (declared, { account, region }) => {
    const name = physicalName(declared, 'LogGroupName', 512);
    return {
      ref: name,
      attributes: { Arn: `arn:aws:logs:${region}:${account}:log-group:${name}:*` },
    };
  },
  honoured: ['LogGroupName'],
  inert: {
    RetentionInDays: 'the state folder is a person’s to delete',
    KmsKeyId: 'CloudWatch Logs itself uses the key; no caller needs a permission',
    Tags: 'nothing reads them',
  },
};

const LOG_STREAM: EmulatedType = {
  identify: (declared) => ({ ref: physicalName(declared, 'LogStreamName', 512), attributes: {} }),
  honoured: [],
  inert: {
    LogGroupName: 'what services would write to it is told to the runner',
    LogStreamName: 'streams begin with their first event',
  },
};

const SUBSCRIPTION_FILTER: EmulatedType = {
  identify: (declared) => ({ ref: physicalName(declared, 'FilterName', 512), attributes: {} }),
  honoured: ['LogGroupName', 'DestinationArn', 'FilterPattern', 'FilterName'],
  inert: {},
};

/** Log groups as files, one event a line, with subscriptions. */
export class LogsEmulator implements Emulator {
  readonly signingName = 'logs';
  readonly types = {
    'AWS::Logs::LogGroup': LOG_GROUP,
    'AWS::Logs::LogStream': LOG_STREAM,
    'AWS::Logs::SubscriptionFilter': SUBSCRIPTION_FILTER,
  };
  readonly #options: LogsOptions;
  readonly #groups = new Map<string, LogGroup>();

  constructor(options: LogsOptions) {
    this.#options = options;
    mkdirSync(options.folder, { recursive: true });
  }

  async start(resources: readonly Resource[]): Promise<void> {
    const filters = resources.filter(({ type }) => type === 'AWS::Logs::SubscriptionFilter');
    for (const { type, ref, attributes } of resources)
      if (type === 'AWS::Logs::LogGroup')
        this.#groups.set(ref, this.#open(ref, attributes['Arn'] ?? '', filters));
    // What an earlier run logged and did not deliver.
    for (const { subscriptions } of this.#groups.values())
      for (const subscription of subscriptions) subscription.poke();
  }

  /** On disk when it returns, so that an answer given after it is never without its record. */
  append(groupName: string, stream: string, line: string): void {
    const group = this.#groups.get(groupName);
    if (!group) throw new Error(`no log group is named ${groupName}`);
    const message =
      Buffer.byteLength(line) > LARGEST_EVENT_BYTES
        ? Buffer.from(line).toString('utf8', 0, LARGEST_EVENT_BYTES)
        : line;
    const event: LogEvent = {
      timestampMs: Math.floor(this.#options.clock.nowMs()),
      stream,
      message,
    };
    writeSync(group.file, `${JSON.stringify(event)}\n`);
    this.#options.onEvent(groupName, event);
    for (const subscription of group.subscriptions) subscription.poke();
  }

  /** Everything a group holds, oldest first. */
  async *read(groupName: string): AsyncGenerator<LogEvent> {
    const path = this.#groups.get(groupName)?.path;
    if (!path || !existsSync(path)) return;
    for await (const line of createInterface({ input: createReadStream(path) }))
      yield JSON.parse(line);
  }

  async handle(call: Call): Promise<Reply> {
    throw notEmulated('CloudWatch Logs', call.headers['x-amz-target']?.toString() ?? call.path, []);
  }

  async stop(): Promise<void> {
    for (const { file, subscriptions } of this.#groups.values()) {
      await Promise.all(subscriptions.map((subscription) => subscription.stop()));
      closeSync(file);
    }
    this.#groups.clear();
  }

  #open(name: string, arn: string, filters: readonly Resource[]): LogGroup {
    const path = join(
      this.#options.folder,
      `${name.replaceAll('/', '.').replace(/^\./, '')}.ndjson`,
    );
    const subscriptions = filters
      .filter(({ properties }) => properties['LogGroupName'] === name)
      .map((filter) => this.#subscribe(filter, { name, arn, path }));
    if (subscriptions.length > SUBSCRIPTIONS_PER_GROUP)
      throw new Error(
        `log group ${name} has ${subscriptions.length} subscription filters; CloudWatch Logs allows ${SUBSCRIPTIONS_PER_GROUP}`,
      );
    return { path, file: openSync(path, 'a'), subscriptions };
  }

  #subscribe(
    { ref, properties }: Resource,
    group: { name: string; arn: string; path: string },
  ): LogSubscription {
    const destinationArn = String(properties['DestinationArn']);
    const pattern = properties['FilterPattern'];
    return new LogSubscription({
      name: ref,
      logGroup: group.name,
      account: this.#options.place.account,
      file: group.path,
      matches: compileFilterPattern(typeof pattern === 'string' ? pattern : ''),
      deliver: (payload) => this.#options.deliver(destinationArn, payload, group.arn),
      onFault: this.#options.onFault,
    });
  }
}
