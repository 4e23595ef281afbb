import { expect, test } from 'vitest';
import { recentTraffic, trafficOf } from '../../functions/promote/traffic.ts';
import type { CohortEntry } from '../../functions/record/join-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { START_MS } from '../builders/route.ts';
import { aPlannedModel } from './in-memory-promotions.ts';

const spec = aPlannedModel();
const common = { model: 'm', version: '1', arm: 'champion', at: instantOf(START_MS) };

/** A request of a unit, with its score where there is one. */
const asked = (predictionId: string, unit?: string, absoluteError?: number): CohortEntry[] => [
  { ...common, predictionId, sk: 'prediction#0000', ...(unit !== undefined && { unit }) },
  ...(absoluteError === undefined
    ? []
    : [
        {
          ...common,
          predictionId,
          sk: 'score#0',
          components: JSON.stringify({ labels: 1, absoluteError }),
        },
      ]),
];

test('traffic is what units are worth, each once, however many requests it has', () => {
  const entries = [
    ...asked('p1', 'u1', 2),
    ...asked('p2', 'u1', 4),
    ...asked('p3', 'u2', 5),
    ...asked('p4', 'u3'),
  ];
  // u1 is worth 3 and u2 is worth 5; nothing is known of u3 yet.
  expect(trafficOf(spec, entries, new Set(['u1', 'u9']))).toEqual({
    unitsPerDay: 3,
    newUnitsPerDay: 2,
    metrics: { mae: { mean: 4, variance: 2 } },
  });
});

test('requests without a unit are no traffic of an A/B test', () => {
  expect(trafficOf(spec, asked('p1', undefined, 3), new Set())).toBeUndefined();
});

test('who came the day before is not new, and a page that goes on makes a sample', async () => {
  const maturedMs = START_MS - spec.monitoring.outcomes.maturityHours * 3_600_000;
  const dayBefore = instantOf(maturedMs - 30 * 3_600_000).slice(0, 13);
  const lastDay = instantOf(maturedMs - 6 * 3_600_000).slice(0, 13);
  const joins = {
    cohort: async (_: string, hour: string, shard: number) => {
      if (shard > 0) return { entries: [] };
      if (hour === dayBefore) return { entries: asked('p1', 'u1') };
      if (hour !== lastDay) return { entries: [] };
      return { entries: [...asked('p2', 'u1', 2), ...asked('p3', 'u2', 4)], nextKey: {} };
    },
  };
  expect(await recentTraffic(spec, joins as never, START_MS)).toEqual({
    unitsPerDay: 2,
    newUnitsPerDay: 1,
    isSampled: true,
    metrics: { mae: { mean: 3, variance: 2 } },
  });
});

test('the last two matured days are read, every shard of every hour once', async () => {
  const read = new Set<string>();
  const joins = {
    cohort: async (_: string, hour: string, shard: number) => {
      read.add(`${hour} ${shard}`);
      return { entries: [] };
    },
  };
  expect(await recentTraffic(spec, joins as never, START_MS)).toBeUndefined();
  expect(read.size).toBe(48 * 16);
  const newest = [...read].toSorted().at(-1) ?? '';
  const maturedMs = START_MS - spec.monitoring.outcomes.maturityHours * 3_600_000;
  expect(newest.slice(0, 13) < instantOf(maturedMs).slice(0, 13)).toBe(true);
});
