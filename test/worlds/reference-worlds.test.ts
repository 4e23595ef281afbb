import { describe, expect, it } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { averagePrecision } from '../../functions/measures/classification-metrics.ts';
import {
  binCounts,
  populationStability,
  quantileEdges,
  smoothedShares,
} from '../../functions/measures/drift.ts';
import { normalisedGain } from '../../functions/measures/ranking-metrics.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import type { Instance } from '../../functions/retrain/labelled-rows.ts';
import { trainModel } from '../../functions/retrain/train-model.ts';
import { cardFraudWorld } from '../../infra/local/demo/worlds/card-fraud.ts';
import { deliveryTimeWorld, trueQuantile } from '../../infra/local/demo/worlds/delivery-time.ts';
import { searchRankingWorld } from '../../infra/local/demo/worlds/search-ranking.ts';
import type { World, WorldRows } from '../../infra/local/demo/worlds/world.ts';

const WORLDS = [
  [deliveryTimeWorld, deliveryTime],
  [searchRankingWorld, searchRanking],
  [cardFraudWorld, cardFraud],
] as const;

/** Faults of an instance as a strict server would name them. */
function faults({ features }: ModelSpec, instance: Instance, of?: 'query' | 'item'): string[] {
  const asked = features.filter((feature) => of === undefined || feature.of === of);
  const unknown = Object.keys(instance).filter(
    (name) => name !== 'id' && !asked.some((feature) => feature.name === name),
  );
  return [
    ...unknown.map((name) => `${name} is no feature`),
    ...asked.flatMap((feature) => {
      const value = instance[feature.name];
      if (value === null || value === undefined)
        return feature.required ? [`${feature.name} is missing`] : [];
      if (feature.kind === 'number' && typeof value === 'number')
        return value >= feature.range.minimum && value <= feature.range.maximum
          ? []
          : [`${feature.name} is ${value}`];
      if (feature.kind === 'category')
        return feature.values.includes(String(value))
          ? []
          : [`${feature.name} is ${String(value)}`];
      const wanted = {
        number: 'number',
        boolean: 'boolean',
        timestamp: 'string',
        identifier: 'string',
      };
      return typeof value === wanted[feature.kind] ? [] : [`${feature.name} is ${String(value)}`];
    }),
  ];
}

const take = (world: World, count: number, options = {}) => {
  const requests = world.requests(5, options);
  return Array.from({ length: count }, () => requests.next().value);
};

describe.each(WORLDS)('$model', (world, spec) => {
  it('gives rows the spec allows, the same for the same seed', () => {
    const rows = world.dataset(2000, 1);
    expect(rows.instances.flatMap((instance) => faults(spec, instance))).toEqual([]);
    expect(world.dataset(2000, 1)).toEqual(rows);
    expect(world.dataset(2000, 2).labels).not.toEqual(rows.labels);
  });

  it('gives requests in time order, whose truth comes later', () => {
    const from = Date.parse('2026-11-23T06:00:00Z');
    const requests = take(world, 300, { from });
    const times = requests.map(({ atMs }) => atMs);
    expect(times).toEqual(times.toSorted((one, other) => one - other));
    expect(times[0]).toBeGreaterThanOrEqual(from);
    for (const { body, outcomes } of requests) {
      const bad =
        'query' in body
          ? [
              ...faults(spec, body.query, 'query'),
              ...body.items.flatMap((item) => faults(spec, item, 'item')),
            ]
          : body.instances.flatMap((instance) => faults(spec, instance));
      expect(bad).toEqual([]);
      expect(outcomes.every(({ delayMs }) => delayMs > 0)).toBe(true);
    }
  });

  it('drifts when told to', () => {
    const [usual, drifted] = [world.dataset(4000, 1), world.dataset(4000, 1, { drift: 1 })];
    expect(drifted.best).not.toEqual(usual.best);
  });
});

/*
 * The specs' own trainers, whose settings were chosen by training on seeds 101, 102, 104 and 105 and scoring
 * on 103. Nothing was chosen on the two seeds below.
 */
const TRAINING_SEED = 7;
const SCORING_SEED = 8;
/** Generous for a machine whose cores are busy. */
const SLOW = 180_000;

it(
  'delivery-time: within 2 % of the least mean absolute error there is',
  async ({ annotate }) => {
    const test = deliveryTimeWorld.dataset(40_000, SCORING_SEED);
    const rows = deliveryTimeWorld.dataset(60_000, TRAINING_SEED);
    const model = await trainModel(deliveryTime, rows, { seed: TRAINING_SEED });
    const answers = model.answer(test.instances);
    const errorOf = (predict: (row: number) => number): number =>
      test.labels.reduce<number>(
        (sum, label, row) => sum + Math.abs(Number(label) - predict(row)),
        0,
      );
    const column = (at: number) => (row: number) => answers[row * 3 + at] ?? 0;
    // Noise is normal around `best`, so that is the median: the least absolute error of any prediction.
    const share = errorOf(column(0)) / errorOf((row) => test.best[row] ?? 0);
    await annotate(`delivery-time: ${share.toFixed(4)} of the least mean absolute error`);
    expect(share).toBeLessThan(1.02);
    const bounds = (row: number) => [1, 2].map((at) => column(at)(row));
    const covered = test.labels.filter((label, row) => {
      const [low = 0, high = 0] = bounds(row);
      return low <= Number(label) && Number(label) <= high;
    });
    expect(covered.length / test.labels.length).toBeCloseTo(0.8, 1);
    const truth = (row: number) => trueQuantile(test.best[row] ?? 0, 1.2816);
    const off = test.labels.map((_, row) => Math.abs(column(2)(row) - truth(row)));
    expect(off.reduce((sum, each) => sum + each, 0) / off.length).toBeLessThan(2.5);
  },
  SLOW,
);

/** Mean NDCG@10 over queries with a relevant item, sorted by `by`. */
function meanNdcg({ labels, queries = [] }: WorldRows, by: (row: number) => number): number {
  const rowsOf = Map.groupBy(queries.keys(), (row) => queries[row]);
  const values = [...rowsOf.values()].flatMap((rows) => {
    const served = rows
      .toSorted((one, other) => by(other) - by(one))
      .map((row) => Number(labels[row]));
    return normalisedGain(served, 10, 'exponential') ?? [];
  });
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}

it(
  'search-ranking: within 2 % of the NDCG of sorting by the true expected gain',
  async ({ annotate }) => {
    const test = searchRankingWorld.dataset(50_000, SCORING_SEED);
    const rows = searchRankingWorld.dataset(40_000, TRAINING_SEED);
    const model = await trainModel(searchRanking, rows, { seed: TRAINING_SEED });
    const answers = model.answer(test.instances);
    const best = meanNdcg(test, (row) => test.best[row] ?? 0);
    const share = meanNdcg(test, (row) => answers[row] ?? 0) / best;
    await annotate(`search-ranking: ${share.toFixed(4)} of the best NDCG@10`);
    expect(share).toBeGreaterThan(0.98);
  },
  SLOW,
);

/**
 * Labels drawn anew from the true probabilities. The rows that matter most are nearly tied, so on one draw
 * the share of the best is luck by 1 to 2 % and can exceed 1; the mean over draws is what the model is worth.
 */
function redrawnLabels({ best }: WorldRows, draws: number): number[][] {
  const random = seededRandom(SCORING_SEED, 'redrawn labels');
  return Array.from({ length: draws }, () =>
    Array.from(best, (probability) => Number(random.next() < probability)),
  );
}

function shareOfBest(labels: number[], scores: Float64Array, best: Float64Array): number {
  const reached = averagePrecision({ labels, scores }) ?? 0;
  return reached / (averagePrecision({ labels, scores: best }) ?? 1);
}

it(
  'card-fraud: within 2 % of the average precision of the true probability',
  async ({ annotate }) => {
    const test = cardFraudWorld.dataset(100_000, SCORING_SEED);
    const labels = test.labels.map((label) => Number(label === 'fraud'));
    expect(labels.filter((label) => label === 1).length / labels.length).toBeGreaterThan(0.002);
    expect(labels.filter((label) => label === 1).length / labels.length).toBeLessThan(0.01);
    const rows = cardFraudWorld.dataset(60_000, TRAINING_SEED);
    const model = await trainModel(cardFraud, rows, { seed: TRAINING_SEED });
    const answers = model.answer(test.instances);
    const scores = Float64Array.from(labels, (_, row) => answers[row * 2] ?? 0);
    const shares = redrawnLabels(test, 20).map((drawn) => shareOfBest(drawn, scores, test.best));
    const share = shares.reduce((sum, each) => sum + each, 0) / shares.length;
    await annotate(
      `card-fraud: ${share.toFixed(4)} of the best average precision; ` +
        `${shareOfBest(labels, scores, test.best).toFixed(4)} by the one draw of labels in the data`,
    );
    expect(share).toBeGreaterThan(0.98);
  },
  SLOW,
);

it('fraud is reported after days and honest payments never', () => {
  const outcomes = take(cardFraudWorld, 4000).flatMap((request) => request.outcomes);
  expect(new Set(outcomes.map(({ outcome }) => outcome))).toEqual(new Set(['fraud']));
  const days = outcomes
    .map(({ delayMs }) => delayMs / 86_400_000)
    .sort((one, other) => one - other);
  expect(days[Math.floor(days.length / 2)]).toBeGreaterThan(2);
});

it('a strike shows in the features of deliveries', () => {
  const couriers = (drift: number) =>
    deliveryTimeWorld
      .dataset(3000, 3, { drift })
      .instances.map((each) => Number(each['couriersFree']));
  const edges = quantileEdges(couriers(0), 10);
  const shares = (values: number[]) => smoothedShares(binCounts(edges, values));
  expect(populationStability(shares(couriers(0)), shares(couriers(1)))).toBeGreaterThan(0.2);
});
