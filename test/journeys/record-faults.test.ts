import { DeleteObjectCommand, ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { artifactPrefix } from '../../functions/contracts/version.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { bucketOf } from '../../functions/serve/assignment.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { isRecord, type JsonObject } from '../../infra/local/emulators/json.ts';
import { archivedIds } from '../builders/archive.ts';
import { contributionsTo, enrolEverybody } from '../builders/enrolled.ts';
import { aModel } from '../builders/model-spec.ts';
import {
  deliver,
  lineOf,
  recorded as recordedIn,
  report,
  resourceOf,
  sendWork,
  shown,
  untilShown,
  waitingIn,
} from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const spec = aModel('delivery-time');
const broken = aModel('broken');
const HOUR_MS = 3_600_000;
/** Fraud that is told of within two hours, or never. */
const fraud = {
  ...cardFraud,
  monitoring: {
    ...cardFraud.monitoring,
    outcomes: { maturityHours: 2, horizonHours: 48, silenceMeans: 'negative' as const },
  },
};
const transaction =
  (cardFraud.example as { instances: Record<string, unknown>[] }).instances[0] ?? {};
const VISIBILITY_MS = 361_000;
let stack: RunningStack;
/** A line as it was logged, to deliver under other ids. */
let line: Record<string, unknown>;

beforeAll(async () => {
  stack = await startStack([spec, broken, fraud]);
  await serveLinear(stack, spec, { bias: 30 });
  await serveLinear(stack, broken);
  await serveLinear(stack, fraud, { bias: 0.2 });
  line = await lineOf(stack, await predict('delivery-time', { instances: [{ a: 1 }] }));
  await until(() => sumOf('RecordedRows', 'delivery-time') === 1);
});
afterAll(() => stack.dispose());

async function predict(model: string, body: object): Promise<string> {
  const { json } = await stack.call('POST', `/v1/models/${model}/predict`, body);
  return String(json['predictionId']);
}
const now = () => new Date(stack.clock.nowMs()).toISOString();
const sumOf = (name: string, Model: string) =>
  stack.metrics.statistics('Slipway', name, { Model }).sum;
const recorded = (id: string) => recordedIn(stack, id);
const ids = (count: number): string[] => Array.from({ length: count }, () => crypto.randomUUID());
const batchOf = (of: readonly string[]) => of.map((predictionId) => ({ ...line, predictionId }));

/** The id that an item of the join table is kept under. */
function idIn({ Item }: JsonObject): unknown {
  const id = isRecord(Item) ? Item['predictionId'] : undefined;
  return isRecord(id) ? id['S'] : undefined;
}

/** Failures of the recorder as AWS counts them. */
const recorderErrors = () =>
  stack.metrics.statistics('AWS/Lambda', 'Errors', {
    FunctionName: resourceOf(stack, 'AWS::Lambda::Function', 'RecordLogged').ref,
  }).sum;

test('a table that throttles one item of a delivery holds up that one alone, and it is recorded once', async () => {
  const [slow = '', ...others] = ids(20);
  const before = sumOf('RecordedRows', 'delivery-time');
  const throttled = stack.injected.inject({
    service: 'DynamoDB',
    operation: 'PutItem',
    matches: (input) => idIn(input) === slow,
    error: new ServiceError(400, 'ProvisionedThroughputExceededException', 'slow down'),
  });
  await deliver(stack, batchOf([slow, ...others]));
  for (const id of others) await recorded(id);
  // Once by the delivery, once from the queue.
  await until(() => sumOf('FailedItems', '-') >= 2);
  expect(await shown(stack, slow)).toBeUndefined();
  throttled[Symbol.dispose]();
  stack.clock.advance(VISIBILITY_MS);
  await recorded(slow);
  await until(() => sumOf('RecordedRows', 'delivery-time') === before + 20);
});

test('Firehose that is down leaves whole deliveries in a queue, and redriving moves them into the archive', async () => {
  const [first = '', second = ''] = ids(2);
  const before = { rows: sumOf('RecordedRows', 'delivery-time'), errors: recorderErrors() };
  const down = stack.injected.inject({
    service: 'Firehose',
    operation: 'PutRecordBatch',
    error: new ServiceError(503, 'ServiceUnavailableException', 'Slow down.'),
  });
  await deliver(stack, batchOf([first]));
  await deliver(stack, batchOf([second]));
  await until(async () => (await waitingIn(stack, 'RecordDeliveries')).length === 2, 60_000);
  // Three attempts each; what the join table knows it keeps.
  await until(() => recorderErrors() === before.errors + 6);
  await recorded(first);
  down[Symbol.dispose]();
  const redriven = await stack.client.request('POST', '/v1/records/redrive', {
    from: 'deliveries',
  });
  expect(redriven).toEqual({ from: 'deliveries', moved: 2 });
  await stack.lambda.settled();
  expect(await waitingIn(stack, 'RecordDeliveries')).toEqual([]);
  stack.clock.advance(VISIBILITY_MS);
  const isArchived = async () => {
    const found = await archivedIds(stack, 'predictions');
    return found.has(first) && found.has(second);
  };
  await until(isArchived);
  await until(() => sumOf('RecordedRows', 'delivery-time') === before.rows + 2);
});

test('a recorder killed in the middle of a batch records all of it when the delivery comes again', async () => {
  const batch = ids(40);
  const errors = recorderErrors();
  let puts = 0;
  const spying = stack.injected.inject({
    service: 'DynamoDB',
    operation: 'PutItem',
    matches(input) {
      if (!batch.includes(String(idIn(input)))) return false;
      puts += 1;
      if (puts === 20)
        stack.lambda.crash(resourceOf(stack, 'AWS::Lambda::Function', 'RecordLogged').ref);
      return false;
    },
    error: new ServiceError(500, 'InternalServerError', 'never thrown'),
  });
  await deliver(stack, batchOf(batch));
  for (const id of batch) await recorded(id);
  spying[Symbol.dispose]();
  expect(puts).toBeGreaterThan(40);
  await until(() => recorderErrors() === errors + 1);
});

test('silence gets its meaning when a prediction matures, and not before', async () => {
  const [silent, told] = [
    await predict('card-fraud', { unit: 'card-1', instances: [transaction] }),
    await predict('card-fraud', { unit: 'card-2', instances: [transaction] }),
  ];
  for (const id of [silent, told]) await recorded(id);
  await report(stack, [{ predictionId: told, outcome: 'fraud', observedAt: now() }]);
  const failed = sumOf('FailedItems', '-');
  await sendWork(stack, { kind: 'matured', predictionId: silent });
  await until(() => sumOf('FailedItems', '-') > failed);
  expect(await shown(stack, silent)).toMatchObject({ isMatured: false, scores: [] });
  stack.clock.advance(2 * HOUR_MS);
  for (const predictionId of [silent, told, silent])
    await sendWork(stack, { kind: 'matured', predictionId });
  const scored = async (id: string) =>
    (await untilShown(stack, id, ({ scores }) => scores.length > 0)).scores;
  expect(await scored(silent)).toMatchObject([
    { row: 0, revision: 1, components: { labels: 1, falsePositives: 1 } },
  ]);
  expect(await scored(told)).toMatchObject([{ components: { labels: 1, truePositives: 1 } }]);
});

describe('a request of an enrolled unit that no version could answer', () => {
  test('counts as failed in the arm that the unit was assigned to', async () => {
    await enrolEverybody(stack, broken, 'try', { bias: 1 });
    await forgetArtifacts();
    const unit = 'customer-7';
    const answer = await stack.call('POST', '/v1/models/broken/predict', {
      unit,
      instances: [{ a: 1 }],
    });
    expect(answer.status).toBe(503);
    const arm = bucketOf('try/variant', unit) < 5000 ? 'champion' : 'challenger';
    await until(async () => (await contributionsTo(stack, 'try')).length > 0);
    expect(await contributionsTo(stack, 'try')).toMatchObject([
      { unit, arm, row: 0, requests: 1, failed: 1, fellBack: 0 },
    ]);
  });
});

/** Nobody has asked the model yet, so no environment keeps a copy. */
async function forgetArtifacts(): Promise<void> {
  const s3 = new S3Client({
    endpoint: stack.endpoint,
    region: stack.place.region,
    credentials: stack.operator,
    forcePathStyle: true,
  });
  const Bucket = resourceOf(stack, 'AWS::S3::Bucket', 'Artifacts').ref;
  const { champion, challenger } = (await stack.client.route('broken')) ?? {};
  for (const digest of [champion?.digest, challenger?.digest]) {
    if (digest === undefined) throw new Error('the route names no version');
    const Prefix = artifactPrefix(digest);
    const { Contents = [] } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix }));
    expect(Contents.length).toBeGreaterThan(0);
    for (const { Key } of Contents) await s3.send(new DeleteObjectCommand({ Bucket, Key }));
  }
}
