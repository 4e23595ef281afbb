import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { PutObjectCommand, S3Client } from '@aws-sdk/client-s3';
import { DynamoDBDocumentClient, PutCommand } from '@aws-sdk/lib-dynamodb';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Route } from '../../functions/contracts/route.ts';
import { artifactKey } from '../../functions/contracts/version.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { bucketOf } from '../../functions/serve/assignment.ts';
import { exposuresTo } from '../builders/enrolled.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const spec = aModel('m');
const ROUTE_AGE_MS = 5_000;
let stack: RunningStack;
let tables: DynamoDBDocumentClient;

beforeAll(async () => {
  stack = await startStack([spec], { environments: 1 });
  tables = DynamoDBDocumentClient.from(
    new DynamoDBClient({
      endpoint: stack.endpoint,
      region: stack.place.region,
      credentials: stack.operator,
    }),
    { marshallOptions: { removeUndefinedValues: true } },
  );
  await serveLinear(stack, spec, { bias: 1 });
  await stack.client.register('m', linearGraph(spec, { bias: 2 }), 'the challenger');
});
afterAll(() => stack.dispose());

/** The promotion that will do this comes with its own state machine; here the route is written directly. */
async function writeRoute(change: (route: Route) => Partial<Route>): Promise<Route> {
  const route = await stack.client.route('m');
  if (!route) throw new Error('no route');
  const next = { ...route, ...change(route), epoch: route.epoch + 1 };
  const table = stack.graph.resources.find(
    ({ type, logicalId }) => type === 'AWS::DynamoDB::GlobalTable' && /^Routes/.test(logicalId),
  );
  await tables.send(new PutCommand({ TableName: table?.ref ?? '', Item: next }));
  stack.clock.advance(ROUTE_AGE_MS + 1);
  await routeRead();
  return next;
}

/** Waits until the one environment has read the route: where a table is slow, an older one may serve. */
async function routeRead(): Promise<void> {
  const stale = () => stack.metrics.statistics('Slipway', 'StaleRoutes', { Model: 'm' }).sum;
  await until(async () => {
    const before = stale();
    await ask();
    return stale() === before;
  });
}

const inAnHour = () => instantOf(stack.clock.nowMs() + 3_600_000);

async function challengerOf(
  version: string,
  overrides: Partial<NonNullable<Route['challenger']>> = {},
): Promise<NonNullable<Route['challenger']>> {
  const { digest, version: number } = await stack.client.request<{
    digest: Route['champion']['digest'];
    version: Route['champion']['version'];
  }>('GET', `/v1/versions/m/${version}`);
  return {
    version: number,
    digest,
    promotion: 'p1',
    exposureBasisPoints: 10_000,
    isShadowed: false,
    expiresAt: inAnHour(),
    ...overrides,
  };
}

const ask = async (unit?: string) =>
  (
    await stack.call('POST', '/v1/models/m/predict', {
      ...(unit && { unit }),
      instances: [{ a: 1, b: 1, c: 1 }],
    })
  ).json;

describe('a route', () => {
  test('assigns each unit to one arm, half to half, and always the same', async () => {
    const challenger = await challengerOf('2');
    await writeRoute(() => ({ challenger }));
    const units = Array.from({ length: 60 }, (_, at) => `customer-${at}`);
    for (const unit of units) {
      const expected = bucketOf('p1/variant', unit) < 5000 ? 'champion' : 'challenger';
      expect((await ask(unit))['arm']).toBe(expected);
      expect((await ask(unit))['arm']).toBe(expected);
    }
  });

  test('keeps everybody else with the champion while exposure is small', async () => {
    const challenger = await challengerOf('2', { exposureBasisPoints: 100 });
    await writeRoute(() => ({ challenger }));
    const unexposed = Array.from({ length: 200 }, (_, at) => `u${at}`).filter(
      (unit) => bucketOf('p1/expose', unit) >= 100,
    );
    expect((await ask(unexposed[0]))['arm']).toBe('champion');
    expect((await ask())['arm']).toBe('champion');
  });

  test('gives a request without a unit to the champion and counts it', async () => {
    const before = stack.metrics.statistics('Slipway', 'UnitsMissing', { Model: 'm' }).sum;
    await ask();
    expect(stack.metrics.statistics('Slipway', 'UnitsMissing', { Model: 'm' }).sum).toBe(
      before + 1,
    );
  });

  test('exposes a challenger as a lease that ends by itself', async () => {
    const challenger = await challengerOf('2');
    await writeRoute(() => ({ challenger }));
    const unit =
      Array.from({ length: 99 }, (_, at) => `u${at}`).find(
        (each) => bucketOf('p1/variant', each) >= 5000,
      ) ?? '';
    expect((await ask(unit))['arm']).toBe('challenger');
    stack.clock.advance(3_600_001);
    expect((await ask(unit))['arm']).toBe('champion');
  });

  test('set back is in force within 5 seconds', async () => {
    const challenger = await challengerOf('2');
    await writeRoute(() => ({ challenger }));
    const unit =
      Array.from({ length: 99 }, (_, at) => `u${at}`).find(
        (each) => bucketOf('p1/variant', each) >= 5000,
      ) ?? '';
    expect((await ask(unit))['arm']).toBe('challenger');
    const route = await stack.client.route('m');
    await stack.client.setChampion('m', '2', route?.epoch ?? 0, 'forward');
    const forward = await stack.client.route('m');
    await stack.client.setChampion('m', '1', forward?.epoch ?? 0, 'and back');
    stack.clock.advance(ROUTE_AGE_MS);
    await routeRead();
    expect(await ask(unit)).toMatchObject({ arm: 'champion', version: '1' });
  });

  test('lets a caller name a version, which is then in no experiment', async () => {
    const { json } = await stack.call('POST', '/v2/models/m/versions/2/infer', {
      inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [0, 0, 0] }],
    });
    expect(json).toMatchObject({
      model_version: '2',
      parameters: { arm: 'pinned' },
      outputs: [{ data: [2] }],
    });
  });

  test('falls back to the champion when the challenger fails, and counts it', async () => {
    const challenger = await challengerOf('2', {
      digest: 'f'.repeat(64) as Route['champion']['digest'],
    });
    await writeRoute(() => ({ challenger }));
    const before = stack.metrics.statistics('Slipway', 'Fallbacks', { Model: 'm' }).sum;
    const unit =
      Array.from({ length: 99 }, (_, at) => `u${at}`).find(
        (each) => bucketOf('p1/variant', each) >= 5000,
      ) ?? '';
    expect(await ask(unit)).toMatchObject({
      arm: 'champion',
      version: '1',
      predictions: [{ points: 1 }],
    });
    expect(stack.metrics.statistics('Slipway', 'Fallbacks', { Model: 'm' }).sum).toBe(before + 1);
    await writeRoute(() => ({ challenger: undefined }));
  });

  test('a corrupted artifact is refused and the previous version keeps serving', async () => {
    const { version, digest } = await stack.client.register(
      'm',
      linearGraph(spec, { bias: 5 }),
      'to be corrupted',
    );
    const bucket = stack.graph.resources.find(
      ({ type, logicalId }) => type === 'AWS::S3::Bucket' && /^Artifacts/.test(logicalId),
    );
    const s3 = new S3Client({
      endpoint: stack.endpoint,
      region: stack.place.region,
      credentials: stack.operator,
    });
    await s3.send(
      new PutObjectCommand({
        Bucket: bucket?.ref,
        Key: artifactKey('m', digest),
        Body: linearGraph(spec, { bias: 6 }),
      }),
    );
    const route = await stack.client.route('m');
    await stack.client.setChampion('m', version, route?.epoch ?? 0, 'unknowingly broken');
    stack.clock.advance(ROUTE_AGE_MS + 1);
    const lines: string[] = [];
    // Where the table is slow, the route of before serves once more.
    await until(async () => {
      expect(await ask('anyone')).toMatchObject({ version: '1', predictions: [{ points: 1 }] });
      for await (const { message } of stack.logs.read('/slipway/main/serve/request/m'))
        lines.push(message);
      return /has the digest .* registered was/.test(lines.at(-1) ?? '');
    });
  });
});

/** What the shadow logged of a request; undefined until then. */
async function shadowOf(predictionId: unknown): Promise<object | undefined> {
  for await (const { message } of stack.logs.read('/slipway/main/serve/requests-logged/m')) {
    const line = JSON.parse(message);
    if (line.predictionId === predictionId) return line;
  }
  return undefined;
}

describe('shadow', () => {
  test('runs recorded requests through the challenger and records its answer beside', async () => {
    const route = await stack.client.route('m');
    await stack.client.setChampion('m', '1', route?.epoch ?? 0, 'a sound champion');
    const challenger = await challengerOf('2', { exposureBasisPoints: 0, isShadowed: true });
    await writeRoute(() => ({ challenger }));
    const answer = await ask('customer-1');
    expect(answer).toMatchObject({ arm: 'champion', predictions: [{ points: 1 }] });
    const { predictionId } = answer;
    await until(async () => (await shadowOf(predictionId)) !== undefined);
    expect(await shadowOf(predictionId)).toMatchObject({
      kind: 'shadow',
      version: '2',
      promotion: 'p1',
      outputs: [{ name: 'o', data: [2] }],
    });
  });

  test('gives a unit of either arm the covariate that the champion says of its first request', async () => {
    const challenger = await challengerOf('2', { promotion: 'p2', isShadowed: true });
    await writeRoute(() => ({ challenger }));
    const units = Array.from({ length: 20 }, (_, at) => `buyer-${at}`);
    for (const unit of units) await ask(unit);
    const known = async () =>
      (await exposuresTo(stack, 'p2')).filter(({ covariate }) => covariate !== undefined);
    await until(async () => (await known()).length === units.length);
    expect(await known()).toEqual(
      expect.arrayContaining(
        units.map((unit) =>
          expect.objectContaining({
            unit,
            covariate: 1,
            arms: [bucketOf('p2/variant', unit) < 5000 ? 'champion' : 'challenger'],
          }),
        ),
      ),
    );
  });

  test('whose challenger fails is a record, and no dead letter', async () => {
    const challenger = await challengerOf('2', {
      digest: 'e'.repeat(64) as Route['champion']['digest'],
      exposureBasisPoints: 0,
      isShadowed: true,
    });
    await writeRoute(() => ({ challenger }));
    const { predictionId } = await ask('customer-2');
    await until(async () => (await shadowOf(predictionId)) !== undefined);
    expect(await shadowOf(predictionId)).toMatchObject({ ShadowFailures: 1, version: '2' });
    await stack.lambda.settled();
    expect(stack.faults).toEqual([]);
  });
});
