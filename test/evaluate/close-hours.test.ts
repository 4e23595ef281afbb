import { beforeEach, describe, expect, test } from 'vitest';
import type { BusEvent } from '../../functions/contracts/event-bus.ts';
import { closeHours, type HourCloser } from '../../functions/evaluate/close-hours.ts';
import type { ClosedHour, ClosedHourTable } from '../../functions/evaluate/closed-hour-table.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import type { CohortEntry } from '../../functions/record/join-table.ts';
import type { RecordWork } from '../../functions/record/work-queue-store.ts';
import { instantOf } from '../../functions/runtime/clock.ts';

const HOUR = '2026-11-09T18';
/** A minute after the hour has matured. */
const MATURED = Date.parse('2026-11-23T19:01:00Z');

class Hours implements Pick<ClosedHourTable, keyof ClosedHourTable> {
  readonly kept = new Map<string, ClosedHour & { isTold: boolean }>();
  readonly asked = new Map<string, ReturnType<typeof instantOf>>();
  reached: string | undefined;
  async closedUpTo() {
    return this.reached;
  }
  async setClosedUpTo(_model: string, hour: string) {
    if (this.reached === undefined || this.reached < hour) this.reached = hour;
  }
  async closed(_model: string, first: string, last: string) {
    const between = [...this.kept].filter(([hour]) => first <= hour && hour <= last);
    return new Map(between.map(([hour, { isTold }]) => [hour, isTold]));
  }
  async histograms() {
    return [...this.kept.values()].flatMap(({ arms }) =>
      Object.values(arms).map(({ histogram }) => histogram),
    );
  }
  async find(_model: string, hour: string) {
    return this.kept.get(hour);
  }
  async close(hour: ClosedHour) {
    if (this.kept.has(hour.fact.hour)) return false;
    this.kept.set(hour.fact.hour, { ...hour, isTold: hour.fact.predictions === 0 });
    return true;
  }
  async setTold(_model: string, hour: string) {
    const kept = this.kept.get(hour);
    if (kept) kept.isTold = true;
  }
  async askedAt(_model: string, hour: string) {
    return this.asked.get(hour);
  }
  async putAsked(_model: string, hour: string, at: ReturnType<typeof instantOf>) {
    this.asked.set(hour, at);
  }
}

let nowMs: number;
let hours: Hours;
let entries: CohortEntry[];
let sent: RecordWork[];
let told: BusEvent[];
let lines: Record<string, unknown>[];
let isBusDown: boolean;
let closer: HourCloser;

beforeEach(() => {
  nowMs = MATURED;
  hours = new Hours();
  [entries, sent, told, lines, isBusDown] = [[], [], [], [], false];
  closer = {
    specs: [cardFraud, deliveryTime],
    joins: {
      cohort: async (_model, hour, shard) => ({
        entries: hour === HOUR && shard === 0 ? entries : [],
      }),
    },
    hours: hours as unknown as ClosedHourTable,
    work: { send: async (work) => void sent.push(...work) },
    events: {
      publish: async (events) => {
        if (isBusDown) throw new Error('the bus is down');
        told.push(...events);
      },
    },
    clock: { nowMs: () => nowMs, now: () => instantOf(nowMs) },
    writeLine: (line) => void lines.push(JSON.parse(line)),
  };
});

const at = instantOf(Date.parse('2026-11-09T18:30:00Z'));
const entry = (predictionId: string, rest: Partial<CohortEntry>): CohortEntry => ({
  predictionId,
  sk: 'prediction#0000',
  model: cardFraud.name,
  version: '1',
  arm: 'champion',
  at,
  ...rest,
});
const scored = (predictionId: string, isFraud: boolean, score = 0.5): CohortEntry =>
  entry(predictionId, {
    sk: 'score#0',
    components: JSON.stringify({
      labels: 1,
      truePositives: Number(isFraud),
      falsePositives: Number(!isFraud),
      falseNegatives: 0,
      observed: Number(isFraud),
      expected: score,
    }),
    ...(isFraud && { outcome: '"fraud"' }),
  });
const predicted = (predictionId: string) => entry(predictionId, { rowCount: 1 });
const fact = () => hours.kept.get(HOUR)?.fact;
const metricLines = (name: string) => lines.filter((line) => Object.hasOwn(line, name));

describe('where silence means negative', () => {
  test('recording is asked once to give it that meaning, and the hour waits', async () => {
    entries = [predicted('a'), predicted('b')];
    await closeHours(cardFraud.name, closer);
    await closeHours(cardFraud.name, closer);
    expect(sent).toEqual([
      { kind: 'matured', predictionId: 'a' },
      { kind: 'matured', predictionId: 'b' },
    ]);
    expect([fact(), lines, told]).toEqual([undefined, [], []]);
  });

  test('rankings that have been clicked in are asked for too: nobody can click any more', async () => {
    nowMs = Date.parse('2026-11-09T20:01:00Z');
    closer = { ...closer, specs: [searchRanking] };
    entries = [predicted('a'), predicted('b'), scored('a', true)];
    await closeHours(searchRanking.name, closer);
    expect(sent.map((work) => 'predictionId' in work && work.predictionId)).toEqual(['a', 'b']);
    expect(fact()).toBeUndefined();
    entries.push(scored('b', false));
    await closeHours(searchRanking.name, closer);
    expect([sent.length, fact()?.scored]).toEqual([2, 2]);
  });

  test('the hour is closed once every row is scored, and published by model and arm', async () => {
    entries = [predicted('a'), predicted('b'), scored('a', true), scored('b', false, 0.2)];
    await closeHours(cardFraud.name, closer);
    expect(sent).toEqual([]);
    expect(fact()).toMatchObject({ predictions: 2, rows: 2, scored: 2, labelled: 1 });
    expect(fact()?.metrics).toMatchObject({
      precision: 0.5,
      recall: 1,
      labelCoverage: 0.5,
      averagePrecision: 1,
    });
    expect(metricLines('TruePositives')).toMatchObject([
      { Model: 'card-fraud', Arm: 'champion', TruePositives: 1, FalsePositives: 1, Labels: 2 },
    ]);
    expect(metricLines('LabelCoverage')).toMatchObject([
      { Model: 'card-fraud', LabelCoverage: 0.5 },
    ]);
  });

  test('rows that never get a score hold the hour open for a stated time, and no longer', async () => {
    entries = [predicted('a'), predicted('b'), scored('a', true)];
    await closeHours(cardFraud.name, closer);
    nowMs += 7_199_000;
    await closeHours(cardFraud.name, closer);
    expect(fact()).toBeUndefined();
    nowMs += 1_000;
    await closeHours(cardFraud.name, closer);
    expect(fact()).toMatchObject({ rows: 2, scored: 1 });
  });

  test('what is undefined is absent, with its reason, and never 0', async () => {
    entries = [predicted('a'), scored('a', false)];
    await closeHours(cardFraud.name, closer);
    expect(Object.keys(fact()?.metrics ?? {})).not.toContain('recall');
    expect(fact()?.undefinedMetrics).toMatchObject({
      recall: 'truePositives + falseNegatives is 0',
      averagePrecision: 'the window has no positive outcome',
    });
    expect(metricLines('AveragePrecision')).toEqual([]);
    expect(lines.at(-1)).toHaveProperty('undefinedMetrics');
  });
});

describe('where silence means nothing', () => {
  test('the hour is closed at once and publishes what was not published when it was scored', async () => {
    entries = [predicted('a'), predicted('b'), scored('a', true)];
    nowMs = Date.parse('2026-11-09T22:01:00Z');
    await closeHours(deliveryTime.name, closer);
    expect(fact()).toMatchObject({ rows: 2, scored: 1, metrics: { labelCoverage: 0.5 } });
    expect(lines).toMatchObject([{ LabelCoverage: 0.5 }]);
    expect(sent).toEqual([]);
  });
});

describe('an hour that was closed', () => {
  beforeEach(async () => {
    entries = [predicted('a'), scored('a', true)];
    await closeHours(cardFraud.name, closer);
  });

  test('publishes nothing again, whatever is corrected after it', async () => {
    const published = lines.length;
    entries = [predicted('a'), scored('a', false), predicted('b')];
    await closeHours(cardFraud.name, closer);
    expect(lines).toHaveLength(published);
    expect(fact()).toMatchObject({ rows: 1, labelled: 1 });
    expect(told).toHaveLength(1);
  });

  test('by another run in the meantime is published by that one only', async () => {
    const kept = hours.kept.get(HOUR);
    hours.kept.delete(HOUR);
    const before = lines.length;
    hours.close = async () => {
      if (kept) hours.kept.set(HOUR, kept);
      return false;
    };
    await closeHours(cardFraud.name, closer);
    expect(lines).toHaveLength(before);
  });

  test('counts in the windows of the hours after it', async () => {
    expect(fact()?.metrics).toMatchObject({ positives: 1 });
  });
});

test('a fact that the bus did not take is told by the next run, its metrics are not published again', async () => {
  entries = [predicted('a'), scored('a', true)];
  isBusDown = true;
  await expect(closeHours(cardFraud.name, closer)).rejects.toThrow('the bus is down');
  const published = lines.length;
  isBusDown = false;
  await closeHours(cardFraud.name, closer);
  await closeHours(cardFraud.name, closer);
  expect(told).toMatchObject([{ type: 'HourClosed', detail: { hour: HOUR, model: 'card-fraud' } }]);
  expect(lines).toHaveLength(published);
});

test('while the bus is away hours are asked for, closed and measured all the same, and told of after it', async () => {
  const next = '2026-11-09T19';
  entries = [predicted('a'), scored('a', true)];
  const cohort: HourCloser['joins']['cohort'] = async (_model, hour, shard) => ({
    entries: (hour === HOUR || hour === next || hour === '2026-11-09T20') && !shard ? entries : [],
  });
  closer = { ...closer, joins: { cohort } };
  isBusDown = true;
  await expect(closeHours(cardFraud.name, closer)).rejects.toThrow(`the hour ${HOUR} of`);
  nowMs += 3_600_000;
  await expect(closeHours(cardFraud.name, closer)).rejects.toThrow(`the hour ${next} of`);
  expect(hours.kept.get(next)?.fact.predictions).toBe(1);
  expect(metricLines('TruePositives')).toHaveLength(2);
  nowMs += 3_600_000;
  entries = [predicted('b')];
  await expect(closeHours(cardFraud.name, closer)).rejects.toThrow('the bus is down');
  expect(sent).toEqual([{ kind: 'matured', predictionId: 'b' }]);
  expect(hours.reached).toBe('2026-11-09T17');
  isBusDown = false;
  await closeHours(cardFraud.name, closer);
  expect(told.map(({ detail }) => detail)).toMatchObject([{ hour: HOUR }, { hour: next }]);
  expect(hours.reached).toBe(next);
});

test('hours in which nothing was predicted are closed in silence', async () => {
  await closeHours(cardFraud.name, closer);
  expect([...hours.kept.values()].map(({ fact: { predictions } }) => predictions)).toEqual(
    Array.from({ length: 24 }, () => 0),
  );
  expect([lines, told]).toEqual([[], []]);
});

test('a model that is not deployed is an error', async () => {
  await expect(closeHours('nobody', closer)).rejects.toThrow('no model is named "nobody"');
});

describe('closing that was out', () => {
  const HOUR_MS = 3_600_000;
  /** Runs until nothing is left. @returns the hours that each run closed. */
  async function catchUp(): Promise<number[]> {
    const closed: number[] = [];
    for (;;) {
      const before = hours.kept.size;
      await closeHours(deliveryTime.name, closer);
      if (hours.kept.size === before) return closed;
      closed.push(hours.kept.size - before);
    }
  }
  const closedHours = () => [...hours.kept.keys()];

  test.each([30, 150, 180])('for %i h goes on from where it stopped, a day a run', async (out) => {
    await catchUp();
    const last = closedHours().at(-1) ?? '';
    nowMs += out * HOUR_MS;
    const runs = await catchUp();
    expect(runs.every((each) => each <= 24)).toBe(true);
    expect(closedHours()).toHaveLength(24 + out);
    expect(closedHours()).toEqual(closedHours().toSorted());
    expect(hours.reached).toBe(closedHours().at(-1));
    expect(hours.reached).not.toBe(last);
  });

  test('for longer than predictions are kept closes what is left, and says once what is not', async () => {
    await catchUp();
    // Kept for 24 + 168 h, of which 3 are for maturing and one is never whole.
    nowMs += 200 * HOUR_MS;
    await expect(closeHours(deliveryTime.name, closer)).rejects.toThrow(
      /^the hours 2026-11-23T16 to 2026-11-24T03 of delivery-time were not closed in time/,
    );
    await catchUp();
    expect(closedHours()).toHaveLength(24 + 188);
  });

  test('passes no hour that waits for what silence means', async () => {
    entries = [predicted('a')];
    await closeHours(cardFraud.name, closer);
    expect(hours.reached).toBe('2026-11-09T17');
    nowMs += 3 * HOUR_MS;
    await closeHours(cardFraud.name, closer);
    expect(hours.reached).toBe('2026-11-09T21');
    expect(fact()).toMatchObject({ predictions: 1, scored: 0 });
  });
});
