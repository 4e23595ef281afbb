import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { ListObjectsV2Command, S3Client } from '@aws-sdk/client-s3';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { PointerName } from '../../functions/contracts/dataset.ts';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { DatasetClient } from '../../infra/cli/dataset-client.ts';
import { everythingWritten } from '../builders/everything-written.ts';
import { exportedRows } from '../builders/exported-rows.ts';
import { aModel } from '../builders/model-spec.ts';
import { recorded, report, resourceOf } from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';
import { toldOf } from '../builders/told.ts';

const { number, identifier } = featuresOf();
const optional = { required: false };
const { monitoring } = aModel('m');
const spec = aModel('m', {
  features: [
    identifier('orderId', 'The order.', { ...optional, log: 'hash' }),
    number('a', 'count', [0, 1e6], 'A number.', optional),
    number('b', 'count', [0, 1e6], 'A secret.', { ...optional, log: 'sealed' }),
    number('c', 'count', [0, 1e6], 'Another number.', optional),
  ],
  entityKeys: ['orderId'],
  snapshots: { purpose: 'validation', everyDays: 1, windowDays: 28, units: 100 },
  monitoring: {
    ...monitoring,
    outcomes: { maturityHours: 3, horizonHours: 24, silenceMeans: 'unknown' },
  },
});
const HOUR_MS = 3_600_000;
const SECRET = 57_123.25;
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([spec]);
  await serveLinear(stack, spec, { weight: 1 });
});
afterAll(() => stack.dispose());

const now = () => new Date(stack.clock.nowMs()).toISOString();

async function archived(table: string): Promise<number> {
  const bucket = stack.graph.resources.find(
    ({ type, logicalId }) => type === 'AWS::S3::Bucket' && logicalId.startsWith('Archive'),
  );
  const client = new S3Client({
    endpoint: stack.endpoint,
    region: stack.place.region,
    credentials: stack.operator,
    forcePathStyle: true,
  });
  const { KeyCount = 0 } = await client.send(
    new ListObjectsV2Command({ Bucket: bucket?.ref ?? '', Prefix: `${table}/` }),
  );
  return KeyCount;
}

interface Snapshot {
  readonly snapshotId: string;
  readonly state: { readonly kind: string; readonly digest?: string; readonly reason?: string };
}

async function take(units: number): Promise<Snapshot> {
  const ask = {
    purpose: 'validation',
    from: new Date(stack.clock.nowMs() - 40 * HOUR_MS).toISOString(),
    to: now(),
    units,
  };
  let shown = await stack.client.request<Snapshot>('POST', '/v1/datasets/m/snapshots', ask);
  await until(async () => {
    shown = await stack.client.request('GET', `/v1/datasets/m/snapshots/${shown.snapshotId}`);
    return shown.state.kind !== 'running';
  });
  return shown;
}

const move = (pointer: PointerName, digest: string) =>
  new DatasetClient(stack.client).move('m', pointer, {
    digest,
    expectedEpoch: 0,
    reason: 'a test',
  });

describe('a snapshot', () => {
  test('of nothing that has matured is refused, and says so', async () => {
    const { state } = await take(10);
    expect(state).toMatchObject({ kind: 'refused', reason: expect.stringMatching(/has matured/) });
  });

  test('that is asked for again with its Idempotency-Key is the same one, and the key is no other’s', async () => {
    const ask = (units: number, key?: string) =>
      stack.client.request<Snapshot>(
        'POST',
        '/v1/datasets/m/snapshots',
        {
          purpose: 'training',
          from: '2026-01-01T00:00:00.000Z',
          to: '2026-01-02T00:00:00.000Z',
          units,
        },
        {},
        key === undefined ? {} : { 'idempotency-key': key },
      );
    const first = await ask(5, 'mine');
    expect((await ask(5, 'mine')).snapshotId).toBe(first.snapshotId);
    expect((await ask(5, 'another')).snapshotId).not.toBe(first.snapshotId);
    expect((await ask(5)).snapshotId).not.toBe((await ask(5)).snapshotId);
    await expect(ask(6, 'mine')).rejects.toMatchObject({
      status: 409,
      code: 'IDEMPOTENCY_KEY_REUSED',
    });
  });

  test('holds each matured prediction once with its truth, arm and opened features', async () => {
    const ids: string[] = [];
    for (const a of [1, 2, 3, 4]) {
      const body = { instances: [{ orderId: `o${a}`, a, b: SECRET, c: 0 }] };
      const { json } = await stack.call('POST', '/v1/models/m/predict', body);
      ids.push(String(json['predictionId']));
    }
    for (const id of ids) await recorded(stack, id);
    await report(
      stack,
      ids
        .slice(0, 3)
        .map((predictionId, at) => ({ predictionId, outcome: at + 10, observedAt: now() })),
    );
    stack.clock.advance(4 * HOUR_MS);
    await until(
      async () => (await archived('predictions')) > 0 && (await archived('outcomes')) > 0,
    );
    const { state } = await take(10);
    expect(state).toMatchObject({ kind: 'taken', leftOut: { withoutOutcome: 1 } });
    const version = await stack.client.request('GET', `/v1/datasets/m/${state.digest}`);
    expect(version).toMatchObject({ rows: 3, source: { kind: 'snapshot', eligibleRows: 3 } });
    const rows = await exportedRows(stack, spec.name, state.digest ?? '');
    expect(rows).toEqual(
      ids.slice(0, 3).map((predictionId, at) => ({
        orderId: expect.stringMatching(/^[\w-]{43}$/),
        a: at + 1,
        b: SECRET,
        c: 0,
        y: at + 10,
        arm: 'champion',
        weight: 1,
        predictionId,
      })),
    );
    // The same rows asked for again are the same version.
    expect((await take(10)).state.digest).toBe(state.digest);
    const smaller = await stack.client.request<{ rows: number }>(
      'GET',
      `/v1/datasets/m/${(await take(2)).state.digest}`,
    );
    expect(smaller.rows).toBe(2);
    await move('validation', state.digest ?? '');
  });

  test('shares the orders that it holds hashed with a file that names them', async () => {
    const importOf = async (order: string): Promise<string> => {
      const path = join(stack.folder, order);
      writeFileSync(path, `orderId,a,y\n${order},77,1\n`);
      const datasets = new DatasetClient(stack.client);
      const { state } = await datasets.import('m', await datasets.upload('m', path));
      return state.kind === 'imported' ? state.digest : JSON.stringify(state);
    };
    await expect(move('training', await importOf('o2'))).rejects.toMatchObject({
      code: 'LEAKAGE',
      details: [
        '1 validation rows have a orderId that training has too, such as validation row 2 and training row 1',
      ],
    });
    expect(await move('training', await importOf('o9'))).toMatchObject({ epoch: 1, findings: [] });
  });
});

test('is taken by the schedule of the spec too, of whole days that have matured, and the bus hears of it', async () => {
  const taken = async () => {
    const facts = await toldOf<{ takenBy: string; version: { rows: number } }>(
      stack,
      'SnapshotTaken',
    );
    return facts.filter(({ takenBy }) => takenBy === 'schedule');
  };
  // The day of the predictions is over and has matured at the second tick at the latest.
  for (let tick = 0; tick < 2; tick += 1) stack.clock.advance(24 * HOUR_MS + 1000);
  await until(async () => (await taken()).some(({ version }) => version.rows === 3));
  expect(await taken()).toContainEqual(
    expect.objectContaining({
      model: 'm',
      purpose: 'validation',
      snapshotId: expect.stringMatching(/^scheduled-\d{4}-\d\d-\d\d$/),
      version: expect.objectContaining({ rows: 3 }),
    }),
  );
});

test('leaves what was sealed opened in the bucket of datasets, under its own key, and nowhere else', async () => {
  const datasetsKey = resourceOf(stack, 'AWS::KMS::Key', 'DatasetsKey').attributes['Arn'];
  const places = new Set<string>();
  const keys = new Set<string | undefined>();
  const seen = new Set<string>();
  for await (const { place, text, keyArn } of everythingWritten(stack)) {
    if (text.includes('predictionId') || text.includes('prediction_id')) seen.add(place);
    if (!text.includes(String(SECRET))) continue;
    places.add(place);
    keys.add(keyArn);
  }
  expect([...places]).toEqual(['bucket Datasets']);
  expect([...keys]).toEqual([datasetsKey]);
  // The search looked where predictions are: a log, a table, the archive.
  expect([...seen]).toEqual(
    expect.arrayContaining([
      'log /slipway/main/serve/request/m',
      'table Joins',
      'bucket Archive',
      'bucket Datasets',
    ]),
  );
});

test('nothing failed that was nobody’s fault', () => {
  expect(stack.faults).toEqual([]);
});
