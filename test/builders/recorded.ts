import { readdirSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { ReceiveMessageCommand, SendMessageCommand, SQSClient } from '@aws-sdk/client-sqs';
import type { OutcomeResult } from '../../functions/record/outcome-reports.ts';
import type { RecordWork } from '../../functions/record/work-queue-store.ts';
import { OperatorRefused } from '../../infra/cli/operator-client.ts';
import type { RunningStack } from './running-stack.ts';
import { until } from './running-stack.ts';

/** What operators see of a prediction. */
export interface Shown {
  readonly prediction: Readonly<Record<string, unknown>> | null;
  readonly outcomes: readonly Readonly<Record<string, unknown>>[];
  readonly scores: readonly {
    readonly row: number;
    readonly revision: number;
    readonly components: Readonly<Record<string, number>>;
  }[];
  readonly partsWaiting: number;
}

/** Undefined while nothing is known of it. */
export async function shown(stack: RunningStack, id: string): Promise<Shown | undefined> {
  try {
    return await stack.client.request<Shown>('GET', `/v1/records/${id}`);
  } catch (error) {
    if (error instanceof OperatorRefused && error.code === 'PREDICTION_NOT_FOUND') return undefined;
    throw error;
  }
}

/** Waits until what operators see is so. */
export async function untilShown(
  stack: RunningStack,
  id: string,
  isSo: (record: Shown) => boolean,
): Promise<Shown> {
  let last: Shown | undefined;
  await until(async () => {
    last = await shown(stack, id);
    return last !== undefined && isSo(last);
  });
  if (!last) throw new Error(`nothing is known of ${id}`);
  return last;
}

/** Waits until a prediction is recorded, and the recorder has archived and counted it too. */
export async function recorded(stack: RunningStack, id: string): Promise<Shown> {
  const record = await untilShown(stack, id, ({ prediction }) => prediction !== null);
  await stack.lambda.settled();
  return record;
}

/** Reports outcomes with an API key. */
export async function report(
  stack: RunningStack,
  outcomes: unknown,
  key = stack.apiKeys[0] ?? '',
): Promise<readonly OutcomeResult[]> {
  const { status, json } = await stack.call('POST', '/v1/outcomes', outcomes, { 'x-api-key': key });
  if (status !== 200) throw new Error(`answered ${status}: ${JSON.stringify(json)}`);
  return json['results'] as OutcomeResult[];
}

/** Every file below a folder that holds one of the texts, as it is on disk. */
export function filesHolding(folder: string, texts: readonly string[]): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => {
      const bytes = bytesOf(path);
      return texts.some((text) => bytes.includes(text));
    });
}

/** Nothing of a folder, and of a file that is gone by now: databases clean up whenever they like. */
function bytesOf(path: string): Buffer {
  try {
    if (statSync(path).isFile()) return readFileSync(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
  return Buffer.alloc(0);
}

/** The line of a prediction as it was logged. */
export async function lineOf(stack: RunningStack, id: string): Promise<Record<string, unknown>> {
  for await (const { message } of stack.logs.read('/slipway/main/serve/request/delivery-time')) {
    const line = JSON.parse(message);
    if (line.predictionId === id && line.kind === 'prediction') return line;
  }
  throw new Error(`${id} is not in the log`);
}

export function resourceOf(stack: RunningStack, type: string, name: string) {
  const found = stack.graph.resources.find(
    (each) => each.type === type && each.logicalId.replace(/[0-9A-F]{8}$/, '') === name,
  );
  if (!found) throw new Error(`there is no ${name}`);
  return found;
}

/** One delivery of a log subscription, as CloudWatch Logs would make it. */
export async function deliver(
  stack: RunningStack,
  lines: readonly unknown[],
  model = 'delivery-time',
): Promise<void> {
  const recorder = resourceOf(stack, 'AWS::Lambda::Function', 'RecordLogged');
  const logEvents = lines.map((line, at) => ({
    id: String(at),
    timestamp: stack.clock.nowMs(),
    message: JSON.stringify(line),
  }));
  const data = { messageType: 'DATA_MESSAGE', logEvents };
  stack.lambda.enqueueAs(
    'logs.amazonaws.com',
    recorder.attributes['Arn'] ?? '',
    JSON.stringify({ awslogs: { data: gzipSync(JSON.stringify(data)).toString('base64') } }),
    `arn:aws:logs:${stack.place.region}:${stack.place.account}:log-group:/slipway/main/serve/request/${model}:*`,
  );
}

const queuesOf = ({ endpoint, place, operator }: RunningStack): SQSClient => {
  const { accessKeyId, secretAccessKey } = operator;
  const credentials = { accessKeyId, secretAccessKey };
  return new SQSClient({ endpoint, region: place.region, credentials });
};

export async function waitingIn(stack: RunningStack, name: string): Promise<readonly string[]> {
  const QueueUrl = resourceOf(stack, 'AWS::SQS::Queue', name).ref;
  const { Messages = [] } = await queuesOf(stack).send(
    new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, VisibilityTimeout: 0 }),
  );
  return Messages.map(({ Body = '' }) => Body);
}

/** What a scheduled job would put into the recorder's queue. */
export async function sendWork(stack: RunningStack, work: RecordWork): Promise<void> {
  const QueueUrl = resourceOf(stack, 'AWS::SQS::Queue', 'RecordWork').ref;
  await queuesOf(stack).send(
    new SendMessageCommand({ QueueUrl, MessageBody: JSON.stringify(work) }),
  );
}
