import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { HourClosed } from '../../functions/contracts/evaluation-events.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Objective } from '../../functions/contracts/monitoring.ts';
import {
  type AlarmSubject,
  objectiveAlarmName,
} from '../../functions/contracts/objective-alarm.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { recorded, report, untilShown } from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';
import { toldOf } from '../builders/told.ts';

const HOUR_MS = 3_600_000;

/** A model of which one objective is watched, on as little as a few outcomes. */
const watching = (spec: ModelSpec, objective: Partial<Objective>, rest: object = {}): ModelSpec => {
  const [first] = spec.monitoring.objectives;
  if (!first) throw new Error(`${spec.name} has no objective`);
  const periods = { missed: 1, of: 1 };
  const objectives = [{ ...first, minimumLabels: 5, periods, ...objective }];
  return { ...spec, monitoring: { ...spec.monitoring, objectives, ...rest } };
};

const bySecond = watching(deliveryTime, {
  metric: 'mae',
  comparison: 'at-most',
  threshold: 10,
  silenceMinutes: 30,
});
const byMinute = watching(searchRanking, {
  metric: 'ndcg',
  comparison: 'at-least',
  threshold: 0.9,
});
const byHour = watching(
  cardFraud,
  { metric: 'recall', comparison: 'at-least', threshold: 0.6, minimumLabels: 2 },
  { outcomes: { ...cardFraud.monitoring.outcomes, maturityHours: 1, horizonHours: 48 } },
);

let stack: RunningStack;
beforeAll(async () => {
  stack = await startStack([bySecond, byMinute, byHour]);
  // Orders take half an hour, and this one promises five.
  await serveLinear(stack, bySecond, { bias: 300 });
  await serveLinear(stack, byMinute, { weight: 0.001 });
  // Below the threshold of decision: it catches nothing.
  await serveLinear(stack, byHour, { bias: 0.05 });
});
afterAll(() => stack.dispose());

const now = () => new Date(stack.clock.nowMs()).toISOString();
const instanceOf = ({ example }: ModelSpec) => ('instances' in example ? example.instances[0] : {});
const alarm = ({ name }: ModelSpec, metric: string, subject: AlarmSubject = 'model') =>
  stack.alarms.stateOf(objectiveAlarmName('main', name, metric, subject));
const sumOf = (name: string, Model: string) =>
  stack.metrics.statistics('Slipway', name, { Model }).sum;

/** Predictions, one a request, once they are recorded. */
async function predictions(spec: ModelSpec, count: number, body: object, verb = 'predict') {
  const ids: string[] = [];
  for (let at = 0; at < count; at++) {
    const { json } = await stack.call('POST', `/v1/models/${spec.name}/${verb}`, body);
    ids.push(String(json['predictionId']));
  }
  for (const id of ids) await recorded(stack, id);
  return ids;
}

/** Lets virtual time pass in steps until something is so. Alarms of a jump are decided a while after it. */
async function pass(stepMs: number, steps: number, isSo: () => boolean): Promise<void> {
  for (let step = 0; step < steps && !isSo(); step++) {
    stack.clock.advance(stepMs);
    await until(isSo, 400).catch(() => undefined);
  }
  await until(isSo);
}

async function closedHours(model: string): Promise<HourClosed[]> {
  const hours = await toldOf<HourClosed>(stack, 'HourClosed');
  return hours.filter((hour) => hour.model === model);
}

describe('a model made worse on purpose', () => {
  test('raises its alarm within 20 seconds of the first bad outcomes where seconds count', async () => {
    const ids = await predictions(bySecond, 6, { instances: [instanceOf(bySecond)] });
    expect(alarm(bySecond, 'mae').value).not.toBe('ALARM');
    await report(
      stack,
      ids.map((predictionId) => ({ predictionId, outcome: 30, observedAt: now() })),
    );
    // They count from when they were taken: the first report of all waits for its function to start.
    const outcomesAtMs = stack.clock.nowMs();
    await until(() => sumOf('Labels', bySecond.name) === ids.length);
    await pass(5_000, 6, () => alarm(bySecond, 'mae').value === 'ALARM');
    const { value, atMs } = alarm(bySecond, 'mae');
    expect(value).toBe('ALARM');
    expect(atMs - outcomesAtMs).toBeLessThanOrEqual(20_000);
    // Alarms of one moment change one after the other.
    await until(() => alarm(bySecond, 'mae', 'champion').value === 'ALARM');
    expect(alarm(bySecond, 'mae', 'challenger').value).toBe('INSUFFICIENT_DATA');
  });

  test('raises its alarm within two periods where minutes count', async () => {
    const { query, items } = searchRanking.example as unknown as { query: object; items: object[] };
    const ids = await predictions(byMinute, 6, { query, items }, 'rank');
    // What was served last is what was wanted.
    const ranked = await stack.call('POST', `/v1/models/${byMinute.name}/rank`, { query, items });
    const last = (ranked.json['items'] as { id: string }[]).at(-1)?.id;
    const outcomesAtMs = stack.clock.nowMs();
    await report(
      stack,
      ids.map((predictionId) => ({
        predictionId,
        item: last,
        outcome: 'purchase',
        observedAt: now(),
      })),
    );
    await until(() => sumOf('Labels', byMinute.name) === ids.length);
    await pass(20_000, 12, () => alarm(byMinute, 'ndcg').value !== 'INSUFFICIENT_DATA');
    const { value, atMs } = alarm(byMinute, 'ndcg');
    expect(value).toBe('ALARM');
    expect(atMs - outcomesAtMs).toBeLessThanOrEqual(120_000);
  });

  test('raises its alarm where hours count, once silence has become negatives', async () => {
    const ids = await predictions(byHour, 12, { unit: 'card-1', instances: [instanceOf(byHour)] });
    await report(
      stack,
      ids
        .slice(0, 4)
        .map((predictionId) => ({ predictionId, outcome: 'fraud', observedAt: now() })),
    );
    await until(() => sumOf('OutcomesJoined', byHour.name) === 4);
    stack.clock.advance(2 * HOUR_MS);
    for (const id of ids) await untilShown(stack, id, ({ scores }) => scores.length === 1);
    await pass(0.25 * HOUR_MS, 8, () => sumOf('Labels', byHour.name) === 12);
    expect(
      ['Labels', 'FalseNegatives', 'TrueNegatives', 'TruePositives'].map((name) =>
        sumOf(name, byHour.name),
      ),
    ).toEqual([12, 4, 8, 0]);
    const total = async (count: 'predictions' | 'scored' | 'labelled') =>
      (await closedHours(byHour.name)).reduce((sum, fact) => sum + fact[count], 0);
    await until(async () => (await total('predictions')) === 12);
    expect([await total('scored'), await total('labelled')]).toEqual([12, 4]);
    expect((await closedHours(byHour.name))[0]?.metrics).toMatchObject({ recall: 0 });
    await pass(0.5 * HOUR_MS, 6, () => alarm(byHour, 'recall').value === 'ALARM');
    expect(alarm(byHour, 'recall').value).toBe('ALARM');
    expect(sumOf('Labels', byHour.name)).toBe(12);
  });

  test('that nobody asks any more raises the alarm on its silence', async () => {
    await pass(10 * 60_000, 6, () => alarm(bySecond, 'mae', 'silent').value === 'ALARM');
    expect(alarm(bySecond, 'mae', 'silent').value).toBe('ALARM');
    expect(alarm(bySecond, 'mae').value).not.toBe('OK');
  });
});

test('nothing went wrong behind all that', () => {
  expect(stack.faults).toEqual([]);
});
