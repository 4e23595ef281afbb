import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { seededRandom, shuffle } from '../../functions/measures/seeded-random.ts';
import {
  BOOSTING_DEFAULTS,
  type BoostingOptions,
  type BoostingResult,
  boost,
  score,
} from '../../functions/retrain/boosting.ts';
import {
  type FeatureTable,
  type Targets,
  takeRows,
} from '../../functions/retrain/feature-table.ts';
import {
  logLoss,
  type Objective,
  pinball,
  squaredError,
} from '../../functions/retrain/objective.ts';

const OBJECTIVES = {
  'squared error': squaredError,
  pinball: (targets: Targets) => pinball(targets, 0.8),
  'log loss': logLoss,
} as const satisfies Record<string, (targets: Targets) => Objective>;

interface Data {
  readonly table: FeatureTable;
  readonly targets: Targets;
}

/** Three numbers, one of them often missing, and a category of seven. */
function dataOf(rows: number, seed: number, isBinary: boolean): Data {
  const random = seededRandom(seed, 'data');
  const values = new Float32Array(rows * 4);
  const labels = new Float64Array(rows);
  for (let row = 0; row < rows; row++) {
    const [a, b, c] = [random.normal(), random.next(), random.normal()];
    const code = random.integer(7);
    values[row] = a;
    values[rows + row] = Math.round(b * 10);
    values[2 * rows + row] = random.next() < 0.3 ? Number.NaN : c;
    values[3 * rows + row] = code;
    const signal = a * 2 + (b > 0.5 ? c : -c) + (code % 3) + 0.5 * random.normal();
    labels[row] = isBinary ? Number(signal > 1) : signal;
  }
  const number = (name: string) => ({ name, kind: 'number' as const, categories: [] });
  const categories = ['1', '2', '3', '4', '5', '6'];
  const columns = [
    number('a'),
    number('b'),
    number('c'),
    { name: 'code', kind: 'category' as const, categories },
  ];
  const weights = Float64Array.from({ length: rows }, () => 1 + random.integer(3));
  return {
    table: { rows, columns, values },
    targets: { labels, weights, queryStarts: new Int32Array(0) },
  };
}

function fit(
  { table, targets }: Data,
  objective: (targets: Targets) => Objective,
  options: Partial<BoostingOptions> = {},
  validation?: Data,
): BoostingResult {
  const held = validation && {
    table: validation.table,
    objective: objective(validation.targets),
  };
  const steps = boost({ table, objective: objective(targets) }, held, {
    ...BOOSTING_DEFAULTS,
    trees: 20,
    leaves: 8,
    minimumChildRows: 5,
    ...options,
  });
  let step = steps.next();
  while (!step.done) step = steps.next();
  return step.value;
}

/** One number column with labels; unit weights. */
function oneColumn(values: readonly number[], labels: readonly number[]): Data {
  return {
    table: {
      rows: values.length,
      columns: [{ name: 'x', kind: 'number', categories: [] }],
      values: Float32Array.from(values),
    },
    targets: {
      labels: Float64Array.from(labels),
      weights: new Float64Array(labels.length).fill(1),
      queryStarts: new Int32Array(0),
    },
  };
}

const sizes = fc.record({ rows: fc.integer({ min: 60, max: 300 }), seed: fc.integer({ min: 1 }) });

describe.each(Object.entries(OBJECTIVES))('%s', (name, objective) => {
  it('training loss never rises with more trees at a small rate', () => {
    fc.assert(
      fc.property(sizes, ({ rows, seed }) => {
        const data = dataOf(rows, seed, name === 'log loss');
        const { training } = fit(data, objective, { learningRate: 0.05 }).curve;
        const rises = training.filter((loss, at) => loss > (training[at - 1] ?? loss) + 1e-12);
        expect(rises).toEqual([]);
      }),
      { numRuns: 15 },
    );
  });

  it('does not depend on the order of rows', () => {
    fc.assert(
      fc.property(sizes, ({ rows, seed }) => {
        const data = dataOf(rows, seed, name === 'log loss');
        const order = shuffle(
          Int32Array.from({ length: rows }, (_, row) => row),
          seededRandom(seed, 'order'),
        );
        const permuted: Data = {
          table: takeRows(data.table, order),
          targets: {
            labels: Float64Array.from(order, (row) => data.targets.labels[row] ?? 0),
            weights: Float64Array.from(order, (row) => data.targets.weights[row] ?? 0),
            queryStarts: data.targets.queryStarts,
          },
        };
        const scores = score(fit(data, objective).ensemble, data.table);
        const others = score(fit(permuted, objective).ensemble, data.table);
        expect(
          Math.max(...scores.map((each, row) => Math.abs(each - (others[row] ?? 0)))),
        ).toBeLessThan(1e-9);
      }),
      { numRuns: 15 },
    );
  });
});

describe('what a tree may do', () => {
  const data = dataOf(400, 1, false);

  it('fits a step exactly, at a threshold between the values', () => {
    const step = oneColumn([1, 2, 3, 4, 5, 6, 7, 8], [0, 0, 0, 0, 10, 10, 10, 10]);
    const options = { trees: 1, leaves: 2, learningRate: 1, minimumChildRows: 1 };
    const { base, trees } = fit(step, squaredError, options).ensemble;
    expect(base).toBe(5);
    expect([...(trees[0]?.threshold ?? [])]).toEqual([4.5, 0, 0]);
    expect([...score({ base, trees }, step.table)]).toEqual([0, 0, 0, 0, 10, 10, 10, 10]);
  });

  it.each([
    ['left', [Number.NaN, Number.NaN, 1, 2, 8, 9], [0, 0, 0, 0, 5, 5], 1],
    ['right', [Number.NaN, Number.NaN, 1, 2, 8, 9], [5, 5, 0, 0, 5, 5], 0],
  ] as const)('learns that missing goes %s', (_, values, labels, missingLeft) => {
    const options = { trees: 1, leaves: 2, learningRate: 1, minimumChildRows: 1 };
    const { ensemble } = fit(oneColumn(values, labels), squaredError, options);
    expect(ensemble.trees[0]?.missingLeft[0]).toBe(missingLeft);
    const scores = score(ensemble, oneColumn(values, labels).table);
    expect(scores.map((each) => Math.round(each * 1e9) / 1e9 + 0)).toEqual(
      Float64Array.from(labels),
    );
  });

  it('parts missing from every present value where that is all there is', () => {
    const values = [Number.NaN, Number.NaN, 3, 3];
    const options = { trees: 1, leaves: 2, learningRate: 1, minimumChildRows: 1 };
    const { ensemble } = fit(oneColumn(values, [1, 1, 4, 4]), squaredError, options);
    expect([...score(ensemble, oneColumn(values, []).table)]).toEqual([1, 1, 4, 4]);
  });

  it.each([
    ['one-hot', 10, [1]],
    ['gradient order', 2, [0, 2, 4]],
  ])('splits categories by %s', (_, oneHotLimit, goesLeft) => {
    const labels = Float64Array.from({ length: 400 }, (__, row) => ((row % 5) % 2 === 0 ? 3 : -3));
    const codes = Float32Array.from({ length: 400 }, (__, row) => row % 5);
    const table: FeatureTable = {
      rows: 400,
      columns: [{ name: 'code', kind: 'category', categories: ['a', 'b', 'c', 'd'] }],
      values: codes,
    };
    const targets = { ...data.targets, labels, weights: new Float64Array(400).fill(1) };
    const { ensemble } = fit({ table, targets }, squaredError, { oneHotLimit, trees: 60 });
    const scores = score(ensemble, table);
    expect(
      Math.max(...scores.map((each, row) => Math.abs(each - (labels[row] ?? 0)))),
    ).toBeLessThan(0.2);
    const firstSet = ensemble.trees[0]?.categories[0];
    expect(firstSet).toEqual(Uint8Array.from(goesLeft));
  });

  it('penalties shrink what leaves answer, and a minimum gain stops splitting', () => {
    const spread = (options: Partial<BoostingOptions>): number => {
      const { trees } = fit(data, squaredError, { trees: 1, ...options }).ensemble;
      return Math.max(...(trees[0]?.value.map(Math.abs) ?? []));
    };
    expect(spread({ l2: 500 })).toBeLessThan(spread({}));
    expect(spread({ l1: 50 })).toBeLessThan(spread({}));
    expect(spread({ l1: 1e9 })).toBe(0);
    const { trees } = fit(data, squaredError, { trees: 1, minimumGain: 1e12 }).ensemble;
    expect(trees[0]?.column).toEqual(Int32Array.of(-1));
  });

  it('no leaf is smaller than the rows or the weight asked for', () => {
    const { trees } = fit(data, squaredError, { leaves: 64, minimumChildRows: 40 }).ensemble;
    expect(
      Math.max(...trees.map(({ column }) => column.filter((each) => each < 0).length)),
    ).toBeLessThanOrEqual(10);
    const heavy = fit(data, squaredError, { leaves: 64, minimumChildWeight: 300 }).ensemble;
    expect(Math.max(...heavy.trees.map(({ column }) => column.length))).toBeLessThanOrEqual(5);
  });

  it('a row of weight 3 counts like three rows', () => {
    const tripled = oneColumn([1, 1, 1, 2], [0, 0, 0, 8]);
    const weighted = oneColumn([1, 2], [0, 8]);
    weighted.targets.weights[0] = 3;
    const options = { trees: 3, leaves: 2, minimumChildRows: 1 };
    const scores = [tripled, weighted].map((each) =>
      score(fit(each, squaredError, options).ensemble, weighted.table),
    );
    const [one = [], other = []] = scores.map((each) => Array.from(each));
    expect(one[0]).toBeCloseTo(other[0] ?? 0, 12);
    expect(one[1]).toBeCloseTo(other[1] ?? 0, 12);
  });

  it('samples of rows and columns still learn, differently for every seed', () => {
    const options = { rowShare: 0.5, columnShare: 0.5, trees: 60 };
    const [one, same, other] = [1, 1, 2].map((seed) =>
      fit(data, squaredError, { ...options, seed }),
    );
    expect(one?.curve).toEqual(same?.curve);
    expect(one?.curve).not.toEqual(other?.curve);
    expect(one?.curve.training.at(-1)).toBeLessThan((one?.curve.training[0] ?? 0) / 2);
  });
});

describe('early stopping', () => {
  it('keeps the trees up to the best validation loss', () => {
    const [data, held] = [dataOf(200, 3, false), dataOf(200, 4, false)];
    const options = { trees: 300, learningRate: 0.3, patience: 10 };
    const { ensemble, curve } = fit(data, squaredError, options, held);
    const best = curve.validation.indexOf(Math.min(...curve.validation)) + 1;
    expect(ensemble.trees.length).toBe(best);
    expect(curve.validation.length).toBe(best + 10);
    expect(squaredError(held.targets).loss(score(ensemble, held.table))).toBeCloseTo(
      Math.min(...curve.validation),
      9,
    );
  });

  it('is off without patience', () => {
    const [data, held] = [dataOf(100, 3, false), dataOf(100, 4, false)];
    const { ensemble } = fit(data, squaredError, { trees: 40, learningRate: 0.5 }, held);
    expect(ensemble.trees.length).toBe(40);
  });
});

it('a column of 100,000 distinct values is cut into bins of equal weight', () => {
  const values = Float32Array.from({ length: 100_000 }, (_, row) => row);
  const data = oneColumn([...values], [...values]);
  const options = { trees: 1, leaves: 255, learningRate: 1, minimumChildRows: 1 };
  const { ensemble } = fit(data, squaredError, options);
  const thresholds = ensemble.trees[0]?.threshold.filter((each) => each > 0).sort() ?? [];
  const gaps = Array.from(thresholds, (each, at) => each - (thresholds[at - 1] ?? 0));
  expect(Math.max(...gaps)).toBeLessThan(1.1 * Math.min(...gaps));
});
