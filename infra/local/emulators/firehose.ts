import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { Level } from 'level';
import * as z from 'zod';
import type { Clock } from '../clock.ts';
import { dispatch, parseInput } from './aws-json.ts';
import { DurableMap } from './durable-map.ts';
import type { Call, Emulator, Place, Principal } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { firehoseTypes, readStreams, type StreamSettings } from './firehose-declaration.ts';
import { type Buffered, FirehoseStream } from './firehose-stream.ts';
import type { Authorizer } from './policy.ts';

export interface FirehoseOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly authorizer: () => Authorizer;
  /** Where objects go. */
  readonly s3: Pick<Emulator, 'handle'>;
  readonly onFault: (fault: unknown) => void;
}

const LARGEST_RECORD_BYTES = 1000 * 1024;
const LARGEST_BATCH_BYTES = 4 * 1024 * 1024;

const PutRecordBatchInput = z.object({
  DeliveryStreamName: z.string(),
  Records: z
    .array(z.object({ Data: z.base64() }))
    .min(1)
    .max(500),
});

interface Stream {
  readonly settings: StreamSettings;
  readonly stream: FirehoseStream;
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
    authorizer().authorize(principal, 'glue:GetTableVersions', settings.tableArn);
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
      const operations = {
        PutRecordBatch: async (request: Parameters<typeof parseInput>[1], within: Call) => {
          const input = parseInput(PutRecordBatchInput, request);
          const { settings, stream } = find(input.DeliveryStreamName);
          within.authorize('firehose:PutRecordBatch', settings.arn);
          checkSizes(input.Records);
          const ids: string[] = [];
          for (const { Data } of input.Records) ids.push(await stream.put(Data));
          return {
            FailedPutCount: 0,
            Encrypted: true,
            RequestResponses: ids.map((RecordId) => ({ RecordId })),
          };
        },
      };
      const protocol = { targetPrefix: 'Firehose_20150804', version: '1.1' } as const;
      return dispatch({ name: 'Firehose', ...protocol, operations }, call);
    },
    async stop() {
      for (const { stream } of streams.values()) await stream.stop();
      await level?.close();
    },
  };
}

function checkSizes(records: readonly { readonly Data: string }[]): void {
  const sizes = records.map(({ Data }) => Buffer.byteLength(Data, 'base64'));
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (sizes.every((size) => size <= LARGEST_RECORD_BYTES) && total <= LARGEST_BATCH_BYTES) return;
  throw new ServiceError(
    400,
    'InvalidArgumentException',
    `a record may have ${LARGEST_RECORD_BYTES} bytes, a batch ${LARGEST_BATCH_BYTES}; got ${Math.max(...sizes)} and ${total}`,
  );
}

const roleOf = ({ roleArn, name }: StreamSettings): Principal => ({
  kind: 'role',
  arn: roleArn,
  sessionName: name,
});

/** Through S3's own door, so that the role, the bucket's policy and the key have their say. */
async function put(
  { authorizer, s3 }: FirehoseOptions,
  settings: StreamSettings,
  key: string,
  body: Buffer,
): Promise<void> {
  const principal = roleOf(settings);
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
