import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import {
  deliver,
  lineOf,
  recorded as recordedIn,
  report,
  shown,
  untilShown,
} from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const callers = ['first', 'second'].map((name) => ({
  name,
  requestsPerSecond: 1000,
  burst: 500,
  requestsPerDay: 100_000,
}));
let stack: RunningStack;

beforeAll(async () => {
  const settings = { callers: JSON.stringify(callers) };
  stack = await startStack([deliveryTime, searchRanking, cardFraud], {}, undefined, settings);
  await serveLinear(stack, deliveryTime, { bias: 30 });
  await serveLinear(stack, searchRanking, { weight: 0.001 });
  await serveLinear(stack, cardFraud, { bias: 0.2 });
});
afterAll(() => stack.dispose());

const order = (deliveryTime.example as { instances: Record<string, unknown>[] }).instances[0] ?? {};
const transaction =
  (cardFraud.example as { instances: Record<string, unknown>[] }).instances[0] ?? {};
const { items, query } = searchRanking.example as unknown as {
  items: readonly Record<string, unknown>[];
  query: object;
};
const now = (secondsAgo = 0) => new Date(stack.clock.nowMs() - secondsAgo * 1000).toISOString();

async function predict(model: string, body: object, key = stack.apiKeys[0] ?? ''): Promise<string> {
  const verb = model === searchRanking.name ? 'rank' : 'predict';
  const { json } = await stack.call('POST', `/v1/models/${model}/${verb}`, body, {
    'x-api-key': key,
  });
  return String(json['predictionId']);
}
const recorded = (id: string) => recordedIn(stack, id);
const sumOf = (name: string, Model: string) =>
  stack.metrics.statistics('Slipway', name, { Model }).sum;

describe('a prediction', () => {
  test('meets the outcome that comes after it, and its score becomes a metric by model and arm', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    await recorded(id);
    const [result] = await report(stack, [{ predictionId: id, outcome: 34, observedAt: now() }]);
    expect(result).toEqual({ predictionId: id, status: 'joined' });
    const { scores, prediction } = await untilShown(stack, id, (each) => each.scores.length > 0);
    expect(prediction).toMatchObject({ model: 'delivery-time', columns: { minutes: [30] } });
    expect(scores).toMatchObject([
      { row: 0, revision: 1, components: { labels: 1, error: -4, absoluteError: 4 } },
    ]);
    const byArm = { Model: 'delivery-time', Arm: 'champion' };
    await until(() => stack.metrics.statistics('Slipway', 'AbsoluteError', byArm).sum >= 4);
  });

  test('meets the outcome that came before it', async () => {
    const made = await predict('delivery-time', { instances: [order] });
    await recorded(made);
    const unknown = crypto.randomUUID();
    const [result] = await report(stack, [
      { predictionId: unknown, outcome: 25, observedAt: now(60) },
    ]);
    expect(result).toMatchObject({ status: 'waiting' });
    // The same line under the id that was reported on, as if the log had come late.
    await deliver(stack, [{ ...(await lineOf(stack, made)), predictionId: unknown }]);
    const { scores } = await untilShown(stack, unknown, (each) => each.scores.length > 0);
    expect(scores).toMatchObject([{ components: { error: 5 } }]);
  });

  test('that is delivered again is counted once', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    await recorded(id);
    await report(stack, [{ predictionId: id, outcome: 31, observedAt: now() }]);
    await untilShown(stack, id, ({ scores }) => scores.length > 0);
    await until(
      () => sumOf('RecordedRows', 'delivery-time') === sumOf('Rows', 'delivery-time') + 1,
    );
    const before = {
      rows: sumOf('RecordedRows', 'delivery-time'),
      labels: sumOf('Labels', 'delivery-time'),
    };
    const line = await lineOf(stack, id);
    await deliver(stack, [line, line]);
    await deliver(stack, [line]);
    const probe = crypto.randomUUID();
    await deliver(stack, [{ ...line, predictionId: probe }]);
    await recorded(probe);
    expect(await shown(stack, id)).toMatchObject({ scores: [{ revision: 1 }] });
    await until(() => sumOf('RecordedRows', 'delivery-time') === before.rows + 1);
    expect(sumOf('Labels', 'delivery-time')).toBe(before.labels);
  });

  test('is restated by a correction, and its metric is not', async () => {
    const id = await predict('delivery-time', { instances: [order, order] });
    await recorded(id);
    await report(stack, [{ predictionId: id, row: 1, outcome: 40, observedAt: now(60) }]);
    await untilShown(stack, id, ({ scores }) => scores.length > 0);
    const labels = sumOf('Labels', 'delivery-time');
    const corrected = { predictionId: id, row: 1, outcome: 36, observedAt: now(30) };
    const [first, again, older] = await report(stack, [
      corrected,
      corrected,
      { ...corrected, outcome: 99, observedAt: now(45) },
    ]);
    expect([first?.status, again?.status, older?.status]).toEqual([
      'corrected',
      'duplicate',
      'duplicate',
    ]);
    const { scores } = await untilShown(stack, id, (each) => each.scores[0]?.revision === 2);
    expect(scores).toMatchObject([{ row: 1, components: { error: -6 } }]);
    expect(sumOf('Labels', 'delivery-time')).toBe(labels);
  });

  test('of a ranking is scored by clicks and purchases of its items', async () => {
    const id = await predict('search-ranking', { query, items });
    await recorded(id);
    const results = await report(stack, [
      { predictionId: id, item: 'rake', outcome: 'click', observedAt: now(20) },
      { predictionId: id, item: 'rake', outcome: 'purchase', observedAt: now(10) },
      { predictionId: id, item: 'no such thing', outcome: 'click', observedAt: now(10) },
      { predictionId: id, row: 0, outcome: 'click', observedAt: now(10) },
    ]);
    expect(results.map(({ status, code }) => code ?? status)).toEqual([
      'joined',
      'corrected',
      'UNKNOWN_ITEM',
      'UNKNOWN_ITEM',
    ]);
    const { scores } = await untilShown(stack, id, (each) => each.scores.length > 0);
    expect(scores).toMatchObject([
      { components: { clickedQueries: 1, purchasedQueries: 1, relevantQueries: 1 } },
    ]);
    await until(() => sumOf('PurchasedQueries', 'search-ranking') === 1);
    expect(sumOf('Queries', 'search-ranking')).toBe(1);
  });

  test('of a model whose negatives are silent is not scored before it matures', async () => {
    const id = await predict('card-fraud', { unit: 'card-1', instances: [transaction] });
    await recorded(id);
    await report(stack, [{ predictionId: id, outcome: 'fraud', observedAt: now() }]);
    const { scores, outcomes } = await untilShown(stack, id, (each) => each.outcomes.length > 0);
    expect({ scores, outcomes: outcomes.length }).toEqual({ scores: [], outcomes: 1 });
  });
});

describe('an outcome', () => {
  test('of somebody else’s prediction is refused, whenever it comes', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    await recorded(id);
    const told = { predictionId: id, outcome: 34, observedAt: now() };
    const [result] = await report(stack, [told], stack.apiKeys[1]);
    expect(result).toMatchObject({ status: 'refused', code: 'NOT_YOURS' });
    expect(await shown(stack, id)).toMatchObject({ outcomes: [], scores: [] });
  });

  test('that cannot be is refused with its reason, and its neighbours are not', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    await recorded(id);
    const told = { predictionId: id, outcome: 34, observedAt: now() };
    const results = await report(stack, [
      { ...told, outcome: 'late' },
      { ...told, observedAt: now(-3600) },
      { ...told, observedAt: '2020-01-01T00:00:00Z' },
      { ...told, row: 1 },
      { ...told, item: 'kettle' },
      { ...told, observedAt: 'yesterday' },
      { ...told, surprise: 1 },
      'nothing',
      told,
    ]);
    expect(results.map(({ status, code }) => code ?? status)).toEqual([
      'WRONG_TYPE',
      'IN_THE_FUTURE',
      'TOO_LATE',
      'ROW_OUT_OF_RANGE',
      'UNKNOWN_ITEM',
      'BAD_ITEM',
      'BAD_ITEM',
      'BAD_ITEM',
      'joined',
    ]);
    expect(results.filter(({ status, error }) => status === 'refused' && !error)).toEqual([]);
  });

  test.each<[string, unknown, string]>([
    ['no JSON', '[', 'BAD_JSON'],
    ['no list', {}, 'BAD_REQUEST'],
    ['nothing', [], 'BAD_REQUEST'],
    ['too many', Array.from({ length: 501 }, () => ({})), 'BAD_REQUEST'],
  ])('in a body that is %s is a 400', async (_, body, code) => {
    const answer = await stack.call('POST', '/v1/outcomes', body);
    expect({ status: answer.status, code: answer.json['code'] }).toEqual({ status: 400, code });
  });

  test('told a thousand times leaves the last word', async () => {
    const id = await predict('delivery-time', { instances: [order] });
    await recorded(id);
    for (const half of [0, 500])
      await report(
        stack,
        Array.from({ length: 500 }, (_, at) => ({
          predictionId: id,
          outcome: 20 + (((half + at) * 7) % 1000),
          observedAt: now(1000 - (((half + at) * 7) % 1000)),
        })),
      );
    const { scores, outcomes } = await untilShown(stack, id, (each) => each.scores.length > 0);
    expect(outcomes).toMatchObject([{ outcome: 1019 }]);
    expect(scores).toMatchObject([{ components: { error: 30 - 1019 } }]);
  });
});

test('nothing went wrong behind all that', () => {
  expect(stack.faults).toEqual([]);
});
