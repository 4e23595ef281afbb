import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseMetricMath } from '../../infra/local/emulators/metric-math.ts';
import { evaluateMetricMath, type Points } from '../../infra/local/emulators/metric-math-values.ts';
import { parseStatistic } from '../../infra/local/emulators/metric-series.ts';
import { MetricStore } from '../../infra/local/emulators/metrics.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const HOUR_MS = 3_600_000;
const statistic = (text: string) => {
  const parsed = parseStatistic(text);
  if (!parsed) throw new Error(`no statistic ${text}`);
  return parsed;
};
const latency = { namespace: 'N', name: 'Latency', dimensions: { Model: 'm' } };
const query = (store: MetricStore, stat: string, periodSeconds = 60, endMs = HOUR_MS) => [
  ...store.query({ ...latency, statistic: statistic(stat), periodSeconds, startMs: 0, endMs }),
];

describe('embedded metrics', () => {
  const event = (value: unknown, StorageResolution = 60) =>
    JSON.stringify({
      _aws: {
        Timestamp: 1000,
        CloudWatchMetrics: [
          {
            Namespace: 'N',
            Dimensions: [['Model']],
            Metrics: [{ Name: 'Latency', Unit: 'Milliseconds', StorageResolution }],
          },
        ],
      },
      Model: 'm',
      Latency: value,
    });

  test('become statistics', () => {
    const store = new MetricStore();
    for (const value of [3, [1, 5]]) store.extract(event(value));
    expect(store.statistics('N', 'Latency', { Model: 'm' })).toEqual({
      count: 3,
      sum: 9,
      minimum: 1,
      maximum: 5,
    });
    expect(store.statistics('N', 'Latency', {}).count).toBe(0);
    expect(query(store, 'p50')).toEqual([[0, 3]]);
  });

  test('have seconds only where they ask for it', () => {
    const [coarse, fine] = [new MetricStore(), new MetricStore()];
    coarse.extract(event(1));
    fine.extract(event(1, 1));
    expect(query(coarse, 'Sum', 1)).toEqual([]);
    expect(query(fine, 'Sum', 1)).toEqual([[1000, 1]]);
  });

  test('that are malformed are told', () => {
    expect(new MetricStore().extract('{"_aws":{"Timestamp":"now"}}')).toMatch(/Timestamp/);
    expect(new MetricStore().extract('{"_aws":{"Timest')).toMatch(/no JSON/);
    expect(new MetricStore().extract(event(Array.from({ length: 101 }, () => 1)))).toMatch(/101/);
  });
});

describe('a series', () => {
  test('keeps seconds for three hours and minutes for longer', () => {
    const store = new MetricStore();
    store.put({ ...latency, atMs: 61_000, isHighResolution: true }, 7);
    store.expire(4 * HOUR_MS);
    expect(query(store, 'Sum', 1)).toEqual([]);
    expect(query(store, 'Sum')).toEqual([[60_000, 7]]);
    store.expire(30 * 24 * HOUR_MS);
    expect(query(store, 'Sum')).toEqual([[0, 7]]);
    expect(query(store, 'Sum', 300)).toEqual([[0, 7]]);
  });

  test('has no percentiles of values that came as sums', () => {
    const store = new MetricStore();
    store.putSet({ ...latency, atMs: 0 }, { count: 2, sum: 3, minimum: 1, maximum: 2 });
    expect(query(store, 'p50')).toEqual([]);
    expect(query(store, 'Average')).toEqual([[0, 1.5]]);
  });

  test('keeps units apart where they are asked for', () => {
    const store = new MetricStore();
    store.put({ ...latency, unit: 'Seconds', atMs: 0 }, 1);
    store.put({ ...latency, unit: 'Milliseconds', atMs: 0 }, 2);
    const span = { statistic: statistic('Sum'), periodSeconds: 60, startMs: 0, endMs: HOUR_MS };
    expect(store.query({ ...latency, ...span, unit: 'Seconds' }).get(0)).toBe(1);
    expect(store.query({ ...latency, ...span }).get(0)).toBe(3);
  });

  test('gives percentiles within half a percent, however many values there are', () => {
    const values = fc.array(fc.double({ min: 1e-3, max: 1e6, noNaN: true }), {
      minLength: 1,
      maxLength: 2000,
    });
    fc.assert(
      fc.property(values, fc.integer({ min: 1, max: 100 }), (given, percent) => {
        const store = new MetricStore();
        for (const value of given) store.put({ ...latency, atMs: 0 }, value);
        const sorted = given.toSorted((a, b) => a - b);
        const exact = sorted[Math.ceil((percent / 100) * sorted.length) - 1] ?? Number.NaN;
        const found = query(store, `p${percent}`)[0]?.[1] ?? Number.NaN;
        expect(Math.abs(found - exact)).toBeLessThanOrEqual(exact * 0.006);
      }),
      { numRuns: 40 },
    );
  });

  test('outlives a restart', async () => {
    await using folder = await temporaryFolder();
    const first = new MetricStore();
    await first.open(folder.folder, () => {});
    first.put({ ...latency, atMs: 1000, isHighResolution: true }, 7);
    await first.close();
    const second = new MetricStore();
    // Comes before what was kept is back.
    second.put({ ...latency, atMs: 2000 }, 1);
    await second.open(folder.folder, () => {});
    expect(query(second, 'Sum')).toEqual([[0, 8]]);
    expect(query(second, 'Sum', 1)).toEqual([[1000, 7]]);
    await second.close();
  });
});

describe('metric math', () => {
  const points = (...values: (number | undefined)[]): Points =>
    new Map(values.flatMap((value, at) => (value === undefined ? [] : [[at, value] as const])));
  const scope = (metrics: Readonly<Record<string, Points>>) => ({
    valueOf: (id: string) => {
      const found = metrics[id];
      return found && ({ kind: 'series', points: found } as const);
    },
    metrics: () => Object.values(metrics),
    timeline: [0, 1, 2],
  });
  const m = { a: points(1, 2, 4), b: points(0, undefined, 2) };

  test.each<[string, readonly (number | undefined)[]]>([
    ['a + b * 2', [1, 2, 8]],
    ['a / b', [undefined, undefined, 2]],
    ['2 ^ 3 ^ 1 * a - -1', [9, 17, 33]],
    ['a >= 2 AND b < 3', [0, 0, 1]],
    ['(a == 1) OR (a != 1)', [1, 1, 1]],
    ['a > 1 && b > 1 || a == 1', [1, 0, 1]],
    ['IF(a > 1, a)', [undefined, 2, 4]],
    ['IF(a > 1, a, b)', [0, 2, 4]],
    ['IF(b, 1, 0)', [0, undefined, 1]],
    ['FILL(b, 7)', [0, 7, 2]],
    ['FILL(b, REPEAT)', [0, 0, 2]],
    ['SUM([a, b])', [1, 2, 6]],
    ['AVG([a, b])', [0.5, 2, 3]],
    ['MAX(METRICS())', [1, 2, 4]],
    ['a - MIN(a)', [0, 1, 3]],
    ['RUNNING_SUM(a)', [1, 3, 7]],
    ['ABS(-a)', [1, 2, 4]],
    ['TIME_SERIES(3) + a', [4, 5, 7]],
  ])('%s', (text, expected) => {
    const value = evaluateMetricMath(parseMetricMath(text), scope(m));
    expect(value).toEqual({ kind: 'series', points: points(...expected) });
  });

  test.each<[string, RegExp]>([
    ['a +', /metric math a \+: it ends too early/],
    ['a $ b', /unexpected "\$ b"/],
    ['(a', /ends too early/],
    ['a b', /unexpected "b"/],
    ['NOPE(a)', /the function NOPE is not emulated; emulated: ABS/],
    ['c', /no query has the id c/],
    ['IF(a)', /IF takes 2 or 3 arguments, not 1/],
    ['[a, b] + 1', /\+ takes no array/],
    ['FILL(a, b)', /FILL fills with a number or REPEAT/],
  ])('refuses %s', (text, message) => {
    expect(() => evaluateMetricMath(parseMetricMath(text), scope(m))).toThrow(message);
  });
});
