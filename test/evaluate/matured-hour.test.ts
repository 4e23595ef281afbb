import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { windowMetrics } from '../../functions/evaluate/hour-metrics.ts';
import {
  type CohortItem,
  HourTally,
  openHours,
  windowFrom,
} from '../../functions/evaluate/matured-hour.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';

const after = (maturityHours: number, horizonHours = 2160) => ({
  monitoring: {
    ...cardFraud.monitoring,
    outcomes: { ...cardFraud.monitoring.outcomes, maturityHours, horizonHours },
  },
});

const NOW = Date.parse('2026-11-23T21:00:00Z');

describe('an hour', () => {
  test.each([
    ['2026-11-23T20:59:59Z', 2, '2026-11-23T17'],
    ['2026-11-23T21:00:00Z', 2, '2026-11-23T18'],
    ['2026-11-23T21:29:59Z', 2.5, '2026-11-23T17'],
    ['2026-11-23T21:30:00Z', 2.5, '2026-11-23T18'],
  ])('has matured at %s after %s h when its last prediction has', (now, hours, latest) => {
    expect(openHours(Date.parse(now), after(hours)).hours.at(-1)).toBe(latest);
  });

  test('ends a window of a week', () => {
    expect(windowFrom('2026-11-23T18')).toBe('2026-11-16T19');
  });
});

describe('hours to close', () => {
  test('begin with the latest day at a first run', () => {
    const { hours, forgotten } = openHours(NOW, after(2));
    expect([hours.length, hours[0], forgotten]).toEqual([24, '2026-11-22T19', undefined]);
  });

  test('go on after the last that all are closed up to', () => {
    expect(openHours(NOW, after(2), '2026-11-23T16').hours).toEqual([
      '2026-11-23T17',
      '2026-11-23T18',
    ]);
    expect(openHours(NOW, after(2), '2026-11-23T18').hours).toEqual([]);
  });

  // Outcomes are taken for ten hours, and a prediction is kept for a week more.
  const short = after(2, 10);

  test('reach as far back as the join table remembers every prediction of them', () => {
    const { hours, forgotten } = openHours(NOW, short, '2026-11-16T10');
    expect([hours.length, hours[0], forgotten]).toEqual([176, '2026-11-16T11', undefined]);
  });

  test('leave out what it has forgotten in part, and say so', () => {
    expect(openHours(NOW, short, '2026-11-16T08')).toMatchObject({
      hours: expect.arrayContaining(['2026-11-16T11', '2026-11-23T18']),
      forgotten: { first: '2026-11-16T09', last: '2026-11-16T10' },
    });
    expect(openHours(NOW + 1, short, '2026-11-16T10').forgotten).toEqual({
      first: '2026-11-16T11',
      last: '2026-11-16T11',
    });
  });
});

describe('a tally', () => {
  const prediction = (predictionId: string, rowCount: number): CohortItem => ({
    predictionId,
    sk: 'prediction#0000',
    arm: 'champion',
    rowCount,
  });
  const score = (
    predictionId: string,
    row: number,
    expected: number,
    observed: number,
  ): CohortItem => ({
    predictionId,
    sk: `score#${row}`,
    arm: 'champion',
    components: JSON.stringify({ labels: 1, expected, observed }),
    ...(observed === 1 && { outcome: '"fraud"' }),
  });

  test('counts rows, scores, reports and bins of scores, and names what has no score yet', () => {
    const tally = new HourTally(cardFraud);
    for (const item of [
      score('a', 1, 0.9, 1),
      prediction('a', 2),
      prediction('b', 1),
      score('b', 0, 0.1, 0),
    ])
      tally.add(item);
    expect(tally.unscored).toEqual(['a']);
    expect(tally.totals).toMatchObject({ predictions: 2, rows: 3, scored: 2, labelled: 1 });
    expect(tally.totals.arms['champion']?.sums).toEqual({ labels: 2, expected: 1, observed: 1 });
    expect(tally.totals.arms['champion']?.histogram).toMatchObject([
      { positives: 0, negatives: 1, scoreSum: 0.1 },
      { positives: 1, negatives: 0, scoreSum: 0.9 },
    ]);
  });

  test('expects no outcome of a declined row, unless somebody looked', () => {
    const tally = new HourTally(cardFraud);
    tally.add({ ...prediction('a', 5), hiddenRows: 3 });
    tally.add(score('a', 0, 0.1, 0));
    tally.add({ ...score('a', 1, 0.9, 1), propensity: 0.1 });
    tally.add({ ...score('a', 2, 0.8, 1), propensity: 0 });
    expect(tally.totals).toMatchObject({ rows: 5, scored: 3, labelled: 2, hidden: 2 });
    expect(windowMetrics(cardFraud, tally.totals, [], 's').values.labelCoverage).toBeCloseTo(2 / 3);
  });

  test('takes a ranking as one row, whatever it ranked', () => {
    const tally = new HourTally(searchRanking);
    tally.add(prediction('a', 40));
    tally.add({ ...score('a', 0, 0, 0), components: JSON.stringify({ labels: 1, queries: 1 }) });
    expect(tally.unscored).toEqual([]);
    expect(tally.totals).toMatchObject({ rows: 1, scored: 1 });
  });

  test('is the same in whatever order the index gives its items', () => {
    const items = Array.from({ length: 30 }, (_, at) => [
      prediction(`p${at}`, 1),
      score(`p${at}`, 0, (at + 1) / 32, at % 3 === 0 ? 1 : 0),
    ]).flat();
    const countsOf = (given: readonly CohortItem[]) => {
      const tally = new HourTally(cardFraud);
      for (const item of given) tally.add(item);
      const { arms, ...counts } = tally.totals;
      return {
        counts,
        bins: arms['champion']?.histogram.map(({ bin, positives }) => [bin, positives]),
      };
    };
    fc.assert(
      fc.property(fc.shuffledSubarray(items, { minLength: items.length }), (shuffled) => {
        expect(countsOf(shuffled)).toEqual(countsOf(items));
      }),
    );
  });
});
