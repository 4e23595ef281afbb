import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { ArchiveTable } from '../../functions/contracts/archive.ts';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { archivedIds } from '../builders/archive.ts';
import { everythingWritten } from '../builders/everything-written.ts';
import {
  deliver,
  filesHolding,
  lineOf,
  recorded as recordedIn,
  report,
  shown,
  untilShown,
  waitingIn,
} from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const { identifier } = featuresOf();
/** Delivery times with a note that must not be logged at all. */
const delivery = {
  ...deliveryTime,
  features: [
    ...deliveryTime.features,
    identifier('note', 'What the customer wrote.', { required: false, log: 'omit' }),
  ],
};
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([delivery, cardFraud]);
  await serveLinear(stack, delivery, { bias: 30 });
  await serveLinear(stack, cardFraud, { bias: 0.2 });
});
afterAll(() => stack.dispose());

const order = (deliveryTime.example as { instances: Record<string, unknown>[] }).instances[0] ?? {};
const transaction =
  (cardFraud.example as { instances: Record<string, unknown>[] }).instances[0] ?? {};
const now = () => new Date(stack.clock.nowMs()).toISOString();

async function predict(model: string, body: object): Promise<string> {
  const { json } = await stack.call('POST', `/v1/models/${model}/predict`, body);
  return String(json['predictionId']);
}
const recorded = (id: string) => recordedIn(stack, id);
const sumOf = (name: string, Model: string) =>
  stack.metrics.statistics('Slipway', name, { Model }).sum;

describe('the log', () => {
  test('may hold a poison line, which is parked and counted, and its neighbours are recorded', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    const line = await lineOf(stack, id);
    const [good, bad] = [crypto.randomUUID(), crypto.randomUUID()];
    const before = sumOf('PoisonLines', '-');
    await deliver(stack, [
      { ...line, predictionId: bad, rows: 'many' },
      { ...line, predictionId: good },
    ]);
    await recorded(good);
    await until(() => sumOf('PoisonLines', '-') === before + 1);
    expect(await shown(stack, bad)).toBeUndefined();
    // Redriven as it is, it is found to be poison again.
    const moved = await stack.client.request('POST', '/v1/records/redrive', { from: 'parked' });
    expect(moved).toEqual({ from: 'parked', moved: 1 });
    await until(() => sumOf('PoisonLines', '-') === before + 2);
    await until(async () => (await waitingIn(stack, 'RecordParked')).length === 1);
  });

  test('may hold a line in parts that come in different deliveries, twice and in any order', async () => {
    const line = await lineOf(stack, await predict('delivery-time', { instances: [order] }));
    const predictionId = crypto.randomUUID();
    const text = JSON.stringify({ ...line, predictionId });
    const cut = Math.ceil(text.length / 3);
    const parts = [0, 1, 2].map((at) => ({
      kind: 'part',
      id: predictionId,
      part: at + 1,
      of: 3,
      isShadowed: false,
      text: text.slice(at * cut, (at + 1) * cut),
    }));
    await deliver(stack, [parts[2], parts[0]]);
    expect(
      await untilShown(stack, predictionId, ({ partsWaiting }) => partsWaiting === 2),
    ).toMatchObject({ prediction: null });
    await deliver(stack, [parts[0]]);
    await deliver(stack, [parts[1], parts[1]]);
    expect((await recorded(predictionId)).partsWaiting).toBe(0);
  });

  test('may hold a request too long for one event', async () => {
    const id = await predict('delivery-time', {
      instances: Array.from({ length: 2000 }, () => order),
    });
    const { prediction } = await recorded(id);
    expect(prediction).toMatchObject({ rowCount: 2000 });
    await report(stack, [{ predictionId: id, row: 1999, outcome: 33, observedAt: now() }]);
    const { scores } = await untilShown(stack, id, (each) => each.scores.length > 0);
    expect(scores).toMatchObject([{ row: 1999, components: { error: -3 } }]);
  });
});

describe('a secret', () => {
  const SECRETS = {
    floor: 57.125_123,
    distance: 19_876.512_3,
    card: 'card-secret-4711',
    unit: 'unit-secret-0815',
    note: 'ring twice, the dog is deaf',
  };

  test('is in nothing that was written on the whole way, sealed, hashed or omitted', async () => {
    const first = await predict('delivery-time', {
      instances: [{ ...order, floor: SECRETS.floor, note: SECRETS.note }],
    });
    const second = await predict('card-fraud', {
      unit: SECRETS.unit,
      instances: [{ ...transaction, cardId: SECRETS.card, distanceFromHomeKm: SECRETS.distance }],
    });
    for (const id of [first, second]) await recorded(id);
    await report(stack, [{ predictionId: first, outcome: 34, observedAt: now() }]);
    await untilShown(stack, first, ({ scores }) => scores.length > 0);
    // The archive is written when its buffer is old enough.
    stack.clock.advance(400_000);
    const found = async (texts: readonly string[]) => {
      const places = new Set<string>();
      for await (const { place, text } of everythingWritten(stack))
        if (texts.some((each) => text.includes(each))) places.add(place);
      return [...places].toSorted();
    };
    const isArchived = async (table: ArchiveTable, id: string) =>
      (await archivedIds(stack, table)).has(id);
    for (const id of [first, second]) await until(() => isArchived('predictions', id));
    for (const table of ['outcomes', 'scores'] as const)
      await until(() => isArchived(table, first));
    expect(await found(Object.values(SECRETS).map(String))).toEqual([]);
    // As they lie on disk, too.
    expect(filesHolding(join(stack.folder, 'state'), Object.values(SECRETS).map(String))).toEqual(
      [],
    );
    // The search would have found them: what is in plain is there.
    expect(await found([second])).toEqual([
      'bucket Archive',
      'log /slipway/main/serve/request/card-fraud',
      'table Joins',
    ]);
  });
});

test('nothing went wrong behind all that', () => {
  expect(stack.faults).toEqual([]);
});
