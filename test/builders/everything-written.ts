import {
  GetObjectCommand,
  HeadObjectCommand,
  ListObjectsV2Command,
  S3Client,
} from '@aws-sdk/client-s3';
import { ScanCommand } from '@aws-sdk/lib-dynamodb';
import { parquetReadObjects } from 'hyparquet';
import { compressors } from 'hyparquet-compressors';
import { tablesOf } from './enrolled.ts';
import { waitingIn } from './recorded.ts';
import type { RunningStack } from './running-stack.ts';

/** Something that was written, in the form in which somebody who may read it would see it. */
interface Written {
  /** `table Joins`, `bucket Archive`, `log /slipway/…`. */
  readonly place: string;
  readonly text: string;
  /** ARN of the KMS key that it lies under; of objects only. */
  readonly keyArn?: string | undefined;
}

/** Every log, table, bucket, queue and event, unpacked: files on disk are compressed, and would hide a text. */
export async function* everythingWritten(stack: RunningStack): AsyncGenerator<Written> {
  for (const { type, ref, logicalId } of stack.graph.resources) {
    const name = logicalId.replace(/[0-9A-F]{8}$/, '');
    if (type === 'AWS::Logs::LogGroup')
      for await (const { message } of stack.logs.read(ref))
        yield { place: `log ${ref}`, text: message };
    if (type === 'AWS::DynamoDB::GlobalTable') yield* itemsOf(stack, name, ref);
    if (type === 'AWS::S3::Bucket') yield* objectsOf(stack, name, ref);
    if (type === 'AWS::SQS::Queue')
      for (const text of await waitingIn(stack, name)) yield { place: `queue ${name}`, text };
  }
  for await (const event of stack.events.archived('slipway-main'))
    yield { place: 'bus', text: JSON.stringify(event) };
}

async function* itemsOf(
  stack: RunningStack,
  name: string,
  TableName: string,
): AsyncGenerator<Written> {
  const { Items = [] } = await tablesOf(stack).send(new ScanCommand({ TableName }));
  for (const item of Items) yield { place: `table ${name}`, text: JSON.stringify(item) };
}

async function* objectsOf(
  stack: RunningStack,
  name: string,
  Bucket: string,
): AsyncGenerator<Written> {
  const s3 = new S3Client({
    endpoint: stack.endpoint,
    region: stack.place.region,
    credentials: stack.operator,
    forcePathStyle: true,
  });
  const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket }));
  for (const { Key = '' } of Contents) {
    const { SSEKMSKeyId: keyArn } = await s3.send(new HeadObjectCommand({ Bucket, Key }));
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key }));
    const bytes = (await Body?.transformToByteArray()) ?? new Uint8Array();
    yield { place: `bucket ${name}`, text: `${Key} ${await textOf(bytes)}`, keyArn };
  }
}

async function textOf(bytes: Uint8Array): Promise<string> {
  const isParquet = Buffer.from(bytes.subarray(0, 4)).toString('latin1') === 'PAR1';
  if (!isParquet) return Buffer.from(bytes).toString('latin1');
  const file = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength);
  const rows = await parquetReadObjects({ file: file as ArrayBuffer, compressors });
  return JSON.stringify(rows, (_, value: unknown) =>
    typeof value === 'bigint' ? Number(value) : value,
  );
}
