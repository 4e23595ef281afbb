import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Level } from 'level';
import type { Clock } from '../clock.ts';
import { dispatch } from './aws-json.ts';
import { DurableMap } from './durable-map.ts';
import type { Emulator, Place, Principal } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { firehoseTypes, readStreams, type StreamSettings } from './firehose-declaration.ts';
import { firehoseOperations, type Stream } from './firehose-operations.ts';
import type { Buffered } from './firehose-records.ts';
import { FirehoseStream } from './firehose-stream.ts';
import type { InjectedFaults } from './injected-faults.ts';
import type { Authorizer } from './policy.ts';

export interface FirehoseOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly authorizer: () => Authorizer;
  /** Where objects go. */
  readonly s3: Pick<Emulator, 'handle'>;
  /**
   * Calls that tests have fail. `Record` fails one record of a call, seen as `{ Data }`; `Deliver` the
   * writing of an object, seen as `{ key }`.
   */
  readonly faults?: InjectedFaults;
  readonly onFault: (fault: unknown) => void;
}

/** Firehose of the kind that archives need: JSON put directly becomes Parquet in S3, by partition. */
export function createFirehose(options: FirehoseOptions): Emulator {
  const { folder, place, authorizer, clock, onFault } = options;
  let level: Level<string, unknown> | undefined;
  const streams = new Map<string, Stream>();

  function find(name: string): Stream {
    const found = streams.get(name);
    if (found) return found;
    const message = `Firehose ${name} under account ${place.account} not found.`;
    throw new ServiceError(400, 'ResourceNotFoundException', message);
  }

  async function open(database: Level<string, unknown>, settings: StreamSettings): Promise<void> {
    const principal = roleOf(settings);
    for (const table of catalogOf(settings, place))
      authorizer().authorize(principal, 'glue:GetTableVersions', table);
    const buffer = await DurableMap.open<Buffered>(database, `${settings.name}/`);
    const putObject = (key: string, body: Buffer) => put(options, settings, key, body);
    const stream = new FirehoseStream({ settings, buffer, clock, putObject, onFault });
    streams.set(settings.name, { settings, stream });
  }

  return {
    signingName: 'firehose',
    types: firehoseTypes,
    async start(resources) {
      await mkdir(folder, { recursive: true });
      level = new Level(join(folder, 'level'), { valueEncoding: 'json' });
      for (const settings of readStreams(resources, place)) await open(level, settings);
    },
    handle(call) {
      const operations = firehoseOperations(find, options.faults);
      const protocol = { targetPrefix: 'Firehose_20150804', version: '1.1' } as const;
      return dispatch({ name: 'Firehose', ...protocol, operations, faults: options.faults }, call);
    },
    async stop() {
      for (const { stream } of streams.values()) await stream.stop();
      await level?.close();
    },
  };
}

/** A table is read with permissions on its catalogue and database too. */
function catalogOf({ database, table }: StreamSettings, { account, region }: Place) {
  const glue = (resource: string) => `arn:aws:glue:${region}:${account}:${resource}`;
  return [glue('catalog'), glue(`database/${database}`), glue(`table/${database}/${table}`)];
}

const roleOf = ({ roleArn, name }: StreamSettings): Principal => ({
  kind: 'role',
  arn: roleArn,
  sessionName: name,
});

/** Through S3's own door, so that the role, the bucket's policy and the key have their say. */
async function put(
  { authorizer, s3, faults }: FirehoseOptions,
  settings: StreamSettings,
  key: string,
  body: Buffer,
): Promise<void> {
  const principal = roleOf(settings);
  faults?.check('Firehose', 'Deliver', { key });
  await s3.handle({
    principal,
    method: 'PUT',
    path: `/${settings.bucketName}/${encodeURIComponent(key)}`,
    query: new URLSearchParams(),
    headers: { 'content-length': String(body.length) },
    body: Readable.from([body]),
    authorize: (action, resource, context) =>
      authorizer().authorize(principal, action, resource, context),
  });
}
