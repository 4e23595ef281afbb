import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { EventBridgeClient, PutEventsCommand } from '@aws-sdk/client-eventbridge';
import { FirehoseClient, PutRecordCommand } from '@aws-sdk/client-firehose';
import {
  GetObjectCommand,
  PutObjectCommand,
  paginateListObjectsV2,
  S3Client,
} from '@aws-sdk/client-s3';
import {
  DynamoDBDocumentClient,
  PutCommand,
  paginateScan,
  QueryCommand,
  TransactWriteCommand,
} from '@aws-sdk/lib-dynamodb';
import { parquetReadObjects } from 'hyparquet';
import { describe, expect, test } from 'vitest';
import type { AccessKey } from '../../infra/local/emulators/credentials.ts';
import { type Declaration, PLACE, role } from '../builders/emulated-account.ts';
import { SCORES_TABLE, scoresStream } from '../builders/firehose-stream.ts';
import { callJson } from '../builders/signed-fetch.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import type { AwsTarget } from '../cases/target.ts';

const TableName = 'events';
const Bucket = 'objects';
const QUEUE_ARN = `arn:aws:sqs:${PLACE.region}:${PLACE.account}:queue`;
const declarations: readonly Declaration[] = [
  role('writer', ['*']),
  [
    'AWS::DynamoDB::Table',
    'Events',
    {
      TableName,
      KeySchema: [{ AttributeName: 'id', KeyType: 'HASH' }],
      AttributeDefinitions: ['id', 'kind'].map((AttributeName) => ({
        AttributeName,
        AttributeType: 'S',
      })),
      GlobalSecondaryIndexes: [
        {
          IndexName: 'by-kind',
          KeySchema: [{ AttributeName: 'kind', KeyType: 'HASH' }],
          Projection: { ProjectionType: 'ALL' },
        },
      ],
    },
  ],
  ['AWS::S3::Bucket', 'Objects', { BucketName: Bucket }],
  ['AWS::S3::Bucket', 'Archive', { BucketName: 'archive' }],
  role('firehose', ['s3:PutObject'], ['glue:GetTableVersions']),
  SCORES_TABLE,
  scoresStream('archive', { BufferingHints: { SizeInMBs: 64, IntervalInSeconds: 1 } }),
  ['AWS::SQS::Queue', 'Queue', { QueueName: 'queue', VisibilityTimeout: 0 }],
  [
    'AWS::SQS::QueuePolicy',
    'Policy',
    {
      Queues: [`http://127.0.0.1:1/${PLACE.account}/queue`],
      PolicyDocument: {
        Statement: {
          Effect: 'Allow',
          Principal: { Service: 'events.amazonaws.com' },
          Action: 'sqs:SendMessage',
          Resource: QUEUE_ARN,
        },
      },
    },
  ],
  [
    'AWS::Events::Rule',
    'Rule',
    { EventPattern: { source: ['crash'] }, Targets: [{ Arn: QUEUE_ARN, Id: 'queue' }] },
  ],
];

/** An account in a process of its own, over a folder that outlives it. */
async function startProcess(folder: string) {
  const script = join(import.meta.dirname, '../builders/emulated-account-process.ts');
  const child = fork(script, [folder, JSON.stringify(declarations)]);
  const [started] = (await once(child, 'message')) as [
    { endpoint: string; credentials: AccessKey },
  ];
  const target = { ...started, region: PLACE.region };
  const settings = { ...target, maxAttempts: 1 };
  return {
    target,
    documents: DynamoDBDocumentClient.from(new DynamoDBClient(settings)),
    objects: new S3Client(settings),
    kill: () => kill(child),
    [Symbol.asyncDispose]: () => kill(child),
  };
}

async function kill(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = once(child, 'exit');
  child.kill('SIGKILL');
  await exited;
}

/** Writes from several sides until the process dies; gives the ids that were acknowledged. */
async function writeUntilKilled(
  write: (id: string) => Promise<unknown>,
  killProcess: () => Promise<void>,
): Promise<ReadonlySet<string>> {
  const acknowledged = new Set<string>();
  const killed = new AbortController();
  const writer = async (side: number) => {
    for (let n = 0; !killed.signal.aborted; n += 1) {
      const id = `${side}-${n}`;
      try {
        await write(id);
        acknowledged.add(id);
      } catch (failure) {
        if (!killed.signal.aborted) throw failure;
      }
    }
  };
  const writers = Promise.all([0, 1, 2, 3, 4, 5].map(writer));
  writers.catch(() => killed.abort());
  await expect
    .poll(() => acknowledged.size > 60 || killed.signal.aborted, { timeout: 20_000 })
    .toBe(true);
  killed.abort();
  await killProcess();
  await writers;
  return acknowledged;
}

/** Of every row in the archive. */
async function archivedIds(client: S3Client): Promise<readonly unknown[]> {
  const ids: unknown[] = [];
  for await (const { Contents = [] } of paginateListObjectsV2({ client }, { Bucket: 'archive' }))
    for (const { Key = '' } of Contents) {
      const { Body } = await client.send(new GetObjectCommand({ Bucket: 'archive', Key }));
      const bytes = new Uint8Array((await Body?.transformToByteArray()) ?? []);
      for (const row of await parquetReadObjects({ file: bytes.buffer }))
        ids.push(row['prediction_id']);
    }
  return ids;
}

/** Receives until there is nothing more, and deletes what came. */
async function drain(target: AwsTarget): Promise<readonly string[]> {
  const QueueUrl = `http://127.0.0.1:1/${PLACE.account}/queue`;
  const bodies: string[] = [];
  for (;;) {
    const input = { QueueUrl, MaxNumberOfMessages: 10 };
    const { json } = await callJson(target, sqs('ReceiveMessage'), input);
    const messages = (json['Messages'] ?? []) as { Body: string; ReceiptHandle: string }[];
    if (messages.length === 0) return bodies;
    for (const { Body, ReceiptHandle } of messages) {
      bodies.push(Body);
      await callJson(target, sqs('DeleteMessage'), { QueueUrl, ReceiptHandle });
    }
  }
}

const sqs = (operation: string) =>
  ({ service: 'sqs', target: `AmazonSQS.${operation}`, version: '1.0' }) as const;

describe('kill -9 in the middle of acknowledged writes loses none', () => {
  test('of items, and tears none from its index entry', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const put = (id: string) =>
      first.documents.send(new PutCommand({ TableName, Item: { id, kind: 'x' } }));
    const acknowledged = await writeUntilKilled(put, first.kill);
    await using second = await startProcess(folder.folder);
    const kept = new Set<string>();
    for await (const { Items = [] } of paginateScan({ client: second.documents }, { TableName })) {
      for (const { id } of Items) kept.add(id as string);
    }
    const indexed = await second.documents.send(
      new QueryCommand({
        TableName,
        IndexName: 'by-kind',
        KeyConditionExpression: 'kind = :kind',
        ExpressionAttributeValues: { ':kind': 'x' },
      }),
    );
    expect(acknowledged.difference(kept)).toEqual(new Set());
    expect(new Set(indexed.Items?.map(({ id }) => id))).toEqual(kept);
  });

  test('of transactions, and leaves none half done', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const put = (id: string) => ({ Put: { TableName, Item: { id } } });
    const acknowledged = await writeUntilKilled(
      (id) =>
        first.documents.send(
          new TransactWriteCommand({ TransactItems: [put(id), put(`${id}/twin`)] }),
        ),
      first.kill,
    );
    await using second = await startProcess(folder.folder);
    const kept = new Set<string>();
    for await (const { Items = [] } of paginateScan({ client: second.documents }, { TableName })) {
      for (const { id } of Items) kept.add(id as string);
    }
    const singles = new Set([...kept].filter((id) => !id.endsWith('/twin')));
    expect(acknowledged.difference(singles)).toEqual(new Set());
    expect(new Set([...singles].flatMap((id) => [id, `${id}/twin`]))).toEqual(kept);
  });

  test('of objects, and lists none that is not whole', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const content = (Key: string) => Key.repeat(5000);
    const acknowledged = await writeUntilKilled(
      (Key) => first.objects.send(new PutObjectCommand({ Bucket, Key, Body: content(Key) })),
      first.kill,
    );
    await using second = await startProcess(folder.folder);
    const kept = new Set<string>();
    for await (const { Contents = [] } of paginateListObjectsV2(
      { client: second.objects },
      { Bucket },
    )) {
      for (const { Key = '' } of Contents) {
        const { Body } = await second.objects.send(new GetObjectCommand({ Bucket, Key }));
        expect((await Body?.transformToString()) === content(Key)).toBe(true);
        kept.add(Key);
      }
    }
    expect(acknowledged.difference(kept)).toEqual(new Set());
  });

  test('of messages', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const QueueUrl = `http://127.0.0.1:1/${PLACE.account}/queue`;
    const send = async (MessageBody: string) => {
      const input = { QueueUrl, MessageBody };
      expect((await callJson(first.target, sqs('SendMessage'), input)).status).toBe(200);
    };
    const acknowledged = await writeUntilKilled(send, first.kill);
    await using second = await startProcess(folder.folder);
    const kept = new Set(await drain(second.target));
    expect(acknowledged.difference(kept)).toEqual(new Set());
  });

  test('of events, nor of what their rules deliver', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const events = new EventBridgeClient({ ...first.target, maxAttempts: 1 });
    const put = async (id: string) => {
      const entry = { Source: 'crash', DetailType: 'Put', Detail: JSON.stringify({ id }) };
      const { FailedEntryCount } = await events.send(new PutEventsCommand({ Entries: [entry] }));
      expect(FailedEntryCount).toBe(0);
    };
    const acknowledged = await writeUntilKilled(put, first.kill);
    await using second = await startProcess(folder.folder);
    const delivered = new Set<string>();
    await expect
      .poll(
        async () => {
          for (const body of await drain(second.target)) delivered.add(JSON.parse(body).detail.id);
          return acknowledged.difference(delivered);
        },
        { timeout: 20_000 },
      )
      .toEqual(new Set());
  });

  test('of records for the archive', async () => {
    await using folder = await temporaryFolder();
    await using first = await startProcess(folder.folder);
    const firehose = new FirehoseClient({ ...first.target, maxAttempts: 1 });
    const put = (id: string) => {
      const row = { model: 'm', day: '2026-11-27', prediction_id: id };
      const Record = { Data: Buffer.from(JSON.stringify(row)) };
      return firehose.send(new PutRecordCommand({ DeliveryStreamName: 'scores', Record }));
    };
    const acknowledged = await writeUntilKilled(put, first.kill);
    await using second = await startProcess(folder.folder);
    const archived = new Set<unknown>();
    await expect
      .poll(
        async () => {
          for (const id of await archivedIds(second.objects)) archived.add(id);
          return acknowledged.difference(archived);
        },
        { timeout: 20_000 },
      )
      .toEqual(new Set());
  });
});
