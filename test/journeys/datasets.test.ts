import { createHash } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { DatasetDigest, DatasetVersion, Pointer } from '../../functions/contracts/dataset.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { DatasetClient, type ShownImport } from '../../infra/cli/dataset-client.ts';
import { OperatorRefused } from '../../infra/cli/operator-client.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { type RunningStack, startStack, until } from '../builders/running-stack.ts';
import { toldOf } from '../builders/told.ts';
import { everyKind } from '../curate/dataset-files.ts';

const model = everyKind.name;
const base = `/v1/datasets/${model}`;
let stack: RunningStack;
let datasets: DatasetClient;
let files = 0;

beforeAll(async () => {
  stack = await startStack([everyKind]);
  datasets = new DatasetClient(stack.client);
});
afterAll(() => stack.dispose());

function fileOf(content: string | Uint8Array): string {
  const path = join(stack.folder, `file-${(files += 1)}`);
  writeFileSync(path, content);
  return path;
}

async function importOf(content: string | Uint8Array, columns = {}): Promise<ShownImport> {
  return datasets.import(model, await datasets.upload(model, fileOf(content)), { columns });
}

async function digestOf(content: string | Uint8Array): Promise<DatasetDigest> {
  const { state } = await importOf(content);
  if (state.kind === 'imported') return state.digest;
  throw new Error(`not imported: ${JSON.stringify(state)}`);
}

async function refusal(attempt: Promise<unknown>) {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof OperatorRefused)
      return { status: error.status, code: error.code, details: error.details };
    throw error;
  }
  throw new Error('it was not refused');
}

const rowsFrom = (day: number, count: number, prefix: string): string =>
  `orderId,orderedAt,a,y\n${Array.from({ length: count }, (_, at) => `${prefix}${at},2026-11-${String(day).padStart(2, '0')}T12:00:00Z,${at},${at * 2}`).join('\n')}\n`;

describe('a file', () => {
  test('becomes a version that is listed, shown and profiled', async () => {
    const digest = await digestOf(rowsFrom(1, 20, 'listed'));
    const shown = await stack.client.request<DatasetVersion>('GET', `${base}/${digest}`);
    expect(shown).toMatchObject({
      model,
      digest,
      rows: 20,
      duplicateRows: 0,
      source: { kind: 'import', file: { format: 'csv', delimiter: ',' } },
      createdBy: 'arn:aws:iam::000000000000:user/operator',
      inOtherOrder: [],
    });
    const { datasets: listed } = await stack.client.request<{ datasets: DatasetVersion[] }>(
      'GET',
      base,
    );
    expect(listed.map((each) => each.digest)).toContain(digest);
    const profile = await stack.client.request<{ rows: number }>(
      'GET',
      `${base}/${digest}/profile`,
    );
    expect(profile).toMatchObject({ rows: 20 });
  });

  test('comes back by export, and is the same version when it is imported again', async () => {
    const content = `zone,y,a\n"=1+1, ""q""\nüber",3,1.5\n'quoted,4,\n`;
    const digest = await digestOf(content);
    const formats = ['csv', 'json-lines', 'parquet'] as const;
    for (const format of formats) {
      const bytes = await exported(digest, format);
      expect([format, await digestOf(bytes)]).toEqual([format, digest]);
    }
    const json = await exported(digest, 'json-lines');
    expect(createHash('sha256').update(json).digest('hex')).toBe(digest);
    const text = Buffer.from(await exported(digest, 'csv-for-spreadsheets')).toString('utf8');
    expect(text).toContain(`"'=1+1, ""q""\nüber"`);
  });

  test('is imported once, however often that is asked for', async () => {
    const uploadId = await datasets.upload(model, fileOf(rowsFrom(4, 7, 'again')));
    const [one, other] = [
      await datasets.import(model, uploadId),
      await datasets.import(model, uploadId),
    ];
    expect(other).toEqual(one);
  });

  test('with broken rows is refused with their numbers, and nothing of it is kept', async () => {
    const { state } = await importOf('a,y\n1,1\n2,\nx,3\n');
    expect(state).toMatchObject({
      kind: 'refused',
      faultyRows: 2,
      listed: [
        { row: 2, faults: [{ column: 'y', problem: 'required, and missing' }] },
        { row: 3, faults: [{ column: 'a' }] },
      ],
    });
  });

  test('that is empty cannot even be uploaded, and one that is too large gets advice', async () => {
    const open = (sizeBytes: number) =>
      stack.client.request('POST', `${base}/uploads`, { sizeBytes });
    expect(await refusal(open(0))).toMatchObject({ status: 400, code: 'BAD_REQUEST' });
    const tooLarge = await refusal(open(LIMITS.datasetFileBytes + 1));
    expect(tooLarge).toMatchObject({ status: 413, code: 'FILE_TOO_LARGE' });
    expect(tooLarge.details.join(' ')).toMatch(/Parquet/);
  });
});

async function exported(digest: string, format: string): Promise<Uint8Array> {
  let url: string | undefined;
  await until(async () => {
    const answer = await stack.client.request<{ url?: string }>(
      'GET',
      `${base}/${digest}/rows`,
      undefined,
      { format },
    );
    url = answer.url;
    return url !== undefined;
  });
  const response = await fetch(url ?? '');
  expect(response.status).toBe(200);
  return new Uint8Array(await response.arrayBuffer());
}

describe('an upload that stops half-way', () => {
  test('cannot be completed or imported, and can be continued', async () => {
    const content = Buffer.from(`a,y\n${'1,2\n'.repeat(5_000_000)}`);
    const ticket = await stack.client.request<{
      uploadId: string;
      parts: { partNumber: number; url: string }[];
    }>('POST', `${base}/uploads`, { sizeBytes: content.length });
    const [first, second, ...others] = ticket.parts;
    expect(others).toEqual([]);
    const put = (url = '', from = 0, to = content.length) =>
      fetch(url, { method: 'PUT', body: content.subarray(from, to) });
    expect((await put(first?.url, 0, LIMITS.datasetPartBytes)).status).toBe(200);
    const complete = () =>
      stack.client.request('POST', `${base}/uploads/${ticket.uploadId}/complete`);
    const missing = content.length - LIMITS.datasetPartBytes;
    expect(await refusal(complete())).toEqual({
      status: 409,
      code: 'UPLOAD_INCOMPLETE',
      details: [`part 2 of ${missing} bytes: not uploaded`],
    });
    const begin = () => stack.client.request('POST', base, { uploadId: ticket.uploadId });
    expect(await refusal(begin())).toMatchObject({ status: 409, code: 'UPLOAD_INCOMPLETE' });
    expect((await put(second?.url, 0, 100)).status).toBe(403);
    expect((await put(second?.url, LIMITS.datasetPartBytes)).status).toBe(200);
    await complete();
    await complete();
  });
});

describe('a pointer', () => {
  const move = (
    name: 'training' | 'validation',
    digest: string,
    expectedEpoch: number,
    more = {},
  ) => datasets.move(model, name, { digest, expectedEpoch, reason: 'for a test', ...more });
  let early: DatasetDigest;
  let late: DatasetDigest;
  let mixed: DatasetDigest;

  beforeAll(async () => {
    early = await digestOf(rowsFrom(2, 30, 'early'));
    late = await digestOf(rowsFrom(20, 30, 'late'));
    mixed = await digestOf(`${rowsFrom(2, 3, 'early')}late7,2026-11-25T12:00:00Z,1,1\n`);
  });

  test('is not there before its first move, and says how to make it', async () => {
    expect(await datasets.pointer(model, 'validation')).toBeUndefined();
    expect(await refusal(stack.client.request('GET', `${base}/pointers/validation`))).toMatchObject(
      { status: 404, code: 'POINTER_NOT_SET' },
    );
  });

  test('moves by its epoch: of two at once one wins, the other learns the new epoch', async () => {
    const attempts = await Promise.allSettled([
      move('training', early, 0),
      move('training', mixed, 0),
    ]);
    const won = attempts.filter(({ status }) => status === 'fulfilled');
    expect(won).toHaveLength(1);
    const [lost] = attempts.flatMap((each) => (each.status === 'rejected' ? [each.reason] : []));
    expect(lost).toMatchObject({ status: 409, details: ['expectedEpoch: 1'] });
  });

  test('is asked where it stood at an instant, and moving back is a new epoch', async () => {
    const { epoch = 0 } = (await datasets.pointer(model, 'training')) ?? {};
    const there = await move('training', early, epoch, { reason: 'there' });
    const away = await move('training', mixed, there.epoch);
    const back = await move('training', early, away.epoch);
    // The same request again, as when its answer got lost.
    expect(await move('training', early, away.epoch)).toEqual(back);
    expect(back.epoch).toBe(there.epoch + 2);
    const at = (instant: string) =>
      stack.client.request<Pointer>('GET', `${base}/pointers/training`, undefined, { at: instant });
    expect((await at(away.movedAt)).digest).toBe(mixed);
    expect((await at(back.movedAt)).epoch).toBe(back.epoch);
    expect(await refusal(at('2020-01-01T00:00:00.000Z'))).toMatchObject({ status: 404 });
    const { moves } = await stack.client.request<{ moves: Pointer[] }>(
      'GET',
      `${base}/pointers/training/moves`,
    );
    expect(moves.map((each) => each.epoch)).toEqual(moves.map((_, place) => back.epoch - place));
  });

  test('does not move where training and validation share rows, entities or time, unless overridden', async () => {
    const validation = await move('validation', late, 0);
    expect(validation.findings).toEqual([]);
    const leaking = await refusal(move('validation', mixed, validation.epoch));
    expect(leaking).toMatchObject({ status: 409, code: 'LEAKAGE' });
    expect(leaking.details).toEqual([
      '3 validation rows are training rows too, such as validation row 1 and training row 1',
      '3 validation rows have a orderId that training has too, such as validation row 1 and training row 1',
      'training goes on until 2026-11-02T12:00:00.000Z by orderedAt, validation begins at 2026-11-02T12:00:00.000Z',
    ]);
    const forced = await move('validation', mixed, validation.epoch, {
      override: { reason: 'a rehearsal' },
    });
    expect(forced.findings.map(({ kind }) => kind)).toEqual([
      'shared-rows',
      'shared-entities',
      'time-order',
    ]);
    expect(forced.override).toEqual({ reason: 'a rehearsal' });
  });

  test('does not move to a set that does not exist', async () => {
    expect(await refusal(move('training', 'f'.repeat(64), 0))).toMatchObject({
      status: 404,
      code: 'DATASET_NOT_FOUND',
    });
  });
});

test('a move that the bus was not told of is told later, once it can be', async () => {
  const [first, second] = [
    await digestOf(rowsFrom(3, 5, 'untold')),
    await digestOf(rowsFrom(3, 6, 'untold')),
  ];
  const { epoch = 0 } = (await datasets.pointer(model, 'training')) ?? {};
  const movesTo = async (digest: DatasetDigest) => {
    const moves = await toldOf<Record<string, unknown>>(stack, 'PointerMoved');
    return moves.filter((move) => move['digest'] === digest);
  };
  const move = (digest: DatasetDigest, expectedEpoch: number) =>
    datasets.move(model, 'training', {
      digest,
      expectedEpoch,
      reason: 'nobody hears of it',
      override: { reason: 'for a test' },
    });
  const down = stack.injected.inject({
    service: 'EventBridge',
    operation: 'PutEvents',
    error: new ServiceError(503, 'ServiceUnavailable', 'not now'),
  });
  await move(first, epoch);
  expect(await datasets.pointer(model, 'training')).toMatchObject({
    digest: first,
    epoch: epoch + 1,
  });
  expect(await movesTo(first)).toEqual([]);
  down[Symbol.dispose]();
  stack.clock.advance(301_000);
  await until(async () => (await movesTo(first)).length > 0);
  expect(await movesTo(first)).toMatchObject([{ model, pointer: 'training', epoch: epoch + 1 }]);
  // The next move is told of at once.
  await move(second, epoch + 1);
  await until(async () => (await movesTo(second)).length > 0);
  expect(await movesTo(first)).toHaveLength(1);
});

test('two versions differ by rows added, removed and changed', async () => {
  const before = await digestOf('orderId,a,y\no1,1,1\no2,2,2\no3,3,3\n,9,9\n');
  const after = await digestOf('orderId,a,y\no4,4,4\no2,2,2\no3,3,33\n,9,9\n');
  expect(await stack.client.request('GET', `${base}/${before}/diff/${after}`)).toMatchObject({
    rows: { unchanged: 2, added: 1, removed: 1, changed: 1 },
    examples: {
      added: [{ row: 1, values: { orderId: 'o4', a: 4, y: 4 } }],
      removed: [{ row: 1, values: { orderId: 'o1', a: 1, y: 1 } }],
      changed: [{ before: 3, after: 3, changes: { y: { from: 3, to: 33 } } }],
    },
  });
});

test('nothing failed that was nobody’s fault', () => {
  expect(stack.faults).toEqual([]);
});
