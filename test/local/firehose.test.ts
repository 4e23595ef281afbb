import { FirehoseClient, PutRecordBatchCommand } from '@aws-sdk/client-firehose';
import { GetObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { parquetReadObjects } from 'hyparquet';
import { afterAll, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { compilePrefix } from '../../infra/local/emulators/firehose-prefix.ts';
import {
  bucket,
  type Declaration,
  type EmulatedAccount,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { SCORES_TABLE, scoresStream } from '../builders/firehose-stream.ts';
import { until } from '../builders/running-stack.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { firehoseCases } from '../cases/firehose.case.ts';

const Bucket = 'archive';
const WRITER = role('firehose', ['s3:PutObject'], ['glue:GetTableVersions']);
const PRODUCER = role('writer', ['*']);
const EVERYTHING = [WRITER, PRODUCER, bucket(Bucket), SCORES_TABLE, scoresStream(Bucket)];

const shared = await startAccount(EVERYTHING);
afterAll(() => shared[Symbol.asyncDispose]());
firehoseCases('emulator', async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('writer'),
  streamName: 'scores',
}));
test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

const clientSettings = (account: EmulatedAccount) => ({
  endpoint: account.endpoint,
  region: account.region,
  credentials: account.keysOf('writer'),
  maxAttempts: 1,
});
const put = (account: EmulatedAccount, ...records: readonly unknown[]) =>
  new FirehoseClient(clientSettings(account)).send(
    new PutRecordBatchCommand({
      DeliveryStreamName: 'scores',
      Records: records.map((record) => ({
        Data: Buffer.from(typeof record === 'string' ? record : JSON.stringify(record)),
      })),
    }),
  );
const row = (model: string, at: number, more: object = {}) => ({
  model,
  day: '2026-11-27',
  prediction_id: `${model}-${at}`,
  row: at,
  ...more,
});

/** The bucket's objects, by the folder they are in. */
async function objects(account: EmulatedAccount): Promise<Record<string, Buffer>> {
  const s3 = new S3Client(clientSettings(account));
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  const found: Record<string, Buffer> = {};
  for (const { Key = '' } of Contents) {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    found[Key.slice(0, Key.lastIndexOf('/'))] = Buffer.from(
      (await Body?.transformToByteArray()) ?? [],
    );
  }
  return found;
}
const rowsIn = (file: Buffer | undefined) => {
  const bytes = new Uint8Array(file ?? []);
  return parquetReadObjects({ file: bytes.buffer });
};

describe('a stream', () => {
  test('writes Parquet by partition once its interval is over', async () => {
    const clock = new VirtualClock(Date.parse('2026-11-27T12:00:00Z'));
    await using account = await startAccount(EVERYTHING, { clock });
    await put(account, row('a', 1, { latency_ms: 1.5, late: true }), row('b', 2), row('a', 3));
    expect(await objects(account)).toEqual({});
    clock.advance(60_000);
    await until(async () => Object.keys(await objects(account)).length === 2);
    const found = await objects(account);
    const empty = { latency_ms: null, late: null };
    expect(await rowsIn(found['scores/model=a/day=2026-11-27'])).toEqual([
      { prediction_id: 'a-1', row: 1, latency_ms: 1.5, late: true },
      { prediction_id: 'a-3', row: 3, ...empty },
    ]);
    expect(await rowsIn(found['scores/model=b/day=2026-11-27'])).toEqual([
      { prediction_id: 'b-2', row: 2, ...empty },
    ]);
    expect(account.faults).toEqual([]);
  });

  test('keeps apart what it cannot convert or place, whole and with the reason', async () => {
    const clock = new VirtualClock(Date.parse('2026-11-27T12:00:00Z'));
    await using account = await startAccount(EVERYTHING, { clock });
    await put(account, 'no JSON', { model: 'a' }, row('a', 1, { latency_ms: 'slow' }), row('a', 2));
    clock.advance(60_000);
    await until(async () => Object.keys(await objects(account)).length === 3);
    const found = await objects(account);
    const lines = (folder: string) =>
      String(found[folder])
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line));
    expect(lines('errors/metadata-extraction-failed')).toMatchObject([
      {
        rawData: Buffer.from('no JSON').toString('base64'),
        errorCode: 'DynamicPartitioning.MetadataExtractionFailed',
      },
      { errorMessage: expect.stringContaining('day') },
    ]);
    expect(lines('errors/format-conversion-failed')).toMatchObject([
      {
        lastErrorMessage: 'latency_ms: expected a number for double',
        dataCatalogTable: { databaseName: 'slipway', tableName: 'scores' },
        attemptsMade: 1,
      },
    ]);
    expect(await rowsIn(found['scores/model=a/day=2026-11-27'])).toHaveLength(1);
  });

  test('delivers after a restart what it took before', async () => {
    await using folder = await temporaryFolder();
    const clock = new VirtualClock(Date.parse('2026-11-27T12:00:00Z'));
    {
      await using account = await startAccount(EVERYTHING, { clock, ...folder });
      await put(account, row('a', 1));
    }
    clock.advance(60_000);
    await using account = await startAccount(EVERYTHING, { clock, ...folder });
    await until(async () => Object.keys(await objects(account)).length === 1);
    const found = await objects(account);
    expect(await rowsIn(found['scores/model=a/day=2026-11-27'])).toMatchObject([{ row: 1 }]);
  });

  test('tries again while S3 does not take its objects', async () => {
    const clock = new VirtualClock(Date.parse('2026-11-27T12:00:00Z'));
    await using account = await startAccount(EVERYTHING, { clock });
    const error = new ServiceError(503, 'SlowDown', 'S3 is down');
    account.injected.inject({ service: 'Firehose', operation: 'Deliver', error, times: 1 });
    await put(account, row('a', 1));
    clock.advance(60_000);
    await until(async () => Object.keys(await objects(account)).length === 1);
    expect(account.faults).toEqual([error]);
  });

  test('answers for each record of a batch where a test has some fail, and for all when it is down', async () => {
    await using account = await startAccount(EVERYTHING);
    const error = new ServiceError(503, 'ServiceUnavailableException', 'Slow down.');
    const isBad = ({ Data }: Readonly<Record<string, unknown>>) =>
      Buffer.from(String(Data), 'base64').toString().includes('bad');
    {
      using _ = account.injected.inject({
        service: 'Firehose',
        operation: 'Record',
        matches: isBad,
        error,
      });
      expect(await put(account, row('good', 1), row('bad', 2))).toMatchObject({
        FailedPutCount: 1,
        RequestResponses: [
          { RecordId: expect.any(String) },
          { ErrorCode: 'ServiceUnavailableException', ErrorMessage: 'Slow down.' },
        ],
      });
    }
    account.injected.inject({ service: 'Firehose', operation: 'PutRecordBatch', error });
    await expect(put(account, row('good', 1))).rejects.toMatchObject({ name: error.code });
  });

  test('that may not write its bucket keeps its records and says why', async () => {
    const clock = new VirtualClock(Date.parse('2026-11-27T12:00:00Z'));
    const reader = role('firehose', ['glue:GetTableVersions']);
    await using account = await startAccount([reader, ...EVERYTHING.slice(1)], { clock });
    await put(account, row('a', 1));
    clock.advance(60_000);
    await until(() => account.faults.length > 0);
    expect(String(account.faults[0])).toContain('s3:PutObject');
  });
});

describe('a stream that Firehose would refuse, or is not emulated, stops the start', () => {
  test.each<[string, object, string]>([
    [
      'with a lambda in it',
      {
        ProcessingConfiguration: {
          Enabled: true,
          Processors: [{ Type: 'Lambda', Parameters: [] }],
        },
      },
      'only DirectPut streams',
    ],
    [
      'with a small buffer',
      { BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 60 } },
      'only DirectPut streams',
    ],
    [
      'with an unknown partition',
      { Prefix: 'x/!{partitionKeyFromQuery:hour}/' },
      '!{partitionKeyFromQuery:hour}',
    ],
  ])('%s', async (_, more, message) => {
    await expect(
      startAccount([...EVERYTHING.slice(0, -1), scoresStream(Bucket, more)]),
    ).rejects.toThrow(message);
  });

  test('with a column of a type that is not emulated', async () => {
    const table = structuredClone(SCORES_TABLE) as unknown as [
      string,
      string,
      { TableInput: { StorageDescriptor: { Columns: object[] } } },
    ];
    table[2].TableInput.StorageDescriptor.Columns.push({ Name: 'x', Type: 'array<int>' });
    await expect(
      startAccount([
        WRITER,
        PRODUCER,
        bucket(Bucket),
        table as unknown as Declaration,
        scoresStream(Bucket),
      ]),
    ).rejects.toThrow('columns of type array<int> are not emulated');
  });

  test('without permission to read its table', async () => {
    await expect(
      startAccount([role('firehose', ['s3:PutObject']), ...EVERYTHING.slice(1)]),
    ).rejects.toThrow('glue:GetTableVersions');
  });
});

test('a prefix may hold the time, its parts and random text', () => {
  const context = {
    nowMs: Date.parse('2026-11-27T09:05:00Z'),
    partitionKeys: new Map([['model', 'm']]),
    randomText: () => 'r4nd0m',
  };
  const text =
    'm=!{partitionKeyFromQuery:model}/!{timestamp:yyyy/MM/dd/HH}/!{firehose:random-string}/';
  expect(compilePrefix(text, new Set(['model']))(context)).toBe('m=m/2026/11/27/09/r4nd0m/');
  expect(() => compilePrefix('!{timestamp:EEE}', new Set())).toThrow('!{timestamp:EEE}');
});
