/**
 * Trains on public data sets and compares with what LightGBM reaches, to see that quality is not only good
 * in worlds of our own making. Run by hand: `node test/bench/real-data.bench.ts <folder>`; the folder holds
 * delivery/, ranking/ and fraud/, which do not enter the repository.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Feature } from '../../functions/contracts/feature.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { averagePrecision, rocAuc } from '../../functions/measures/classification-metrics.ts';
import { regressionMetrics, regressionSums } from '../../functions/measures/regression-metrics.ts';
import { seededRandom, shuffle } from '../../functions/measures/seeded-random.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import {
  BOOSTING_DEFAULTS,
  type BoostingOptions,
  boost,
  score,
} from '../../functions/retrain/boosting.ts';
import type { Targets } from '../../functions/retrain/feature-table.ts';
import type { Instance, LabelledRows } from '../../functions/retrain/labelled-rows.ts';
import { lambdaMart } from '../../functions/retrain/lambda-mart.ts';
import { logLoss, type Objective, squaredError } from '../../functions/retrain/objective.ts';
import { prepareParts } from '../../functions/retrain/training-parts.ts';

const folder = process.argv[2];
if (!folder) throw new Error('usage: node test/bench/real-data.bench.ts <folder with the data>');

const read = (file: string): string[] =>
  readFileSync(join(folder, file), 'utf8').trim().split('\n');

function featureOf(name: string, kind: 'number' | 'category'): Feature {
  const described = { name, description: name, required: false, log: 'plain' as const };
  return kind === 'number'
    ? { kind, ...described, unit: 'count', range: { minimum: -1e38, maximum: 1e38 } }
    : { kind, ...described, values: ['a'], unknown: 'missing' };
}

function specOf(base: ModelSpec, numbers: string[], categories: string[]): ModelSpec {
  const inputs: ModelSpec['signature']['inputs'] = [
    { name: 'numbers', datatype: 'FP32', columns: numbers },
    ...(categories.length > 0
      ? [{ name: 'categories', datatype: 'BYTES' as const, columns: categories }]
      : []),
  ];
  return {
    ...base,
    features: [
      ...numbers.map((name) => featureOf(name, 'number')),
      ...categories.map((name) => featureOf(name, 'category')),
    ],
    signature: { ...base.signature, inputs },
  };
}

/** Fits on all training rows without looking at the test rows, which only come back scored. */
function fit(
  spec: ModelSpec,
  train: LabelledRows,
  test: LabelledRows,
  objectiveOf: (targets: Targets) => Objective,
  options: Partial<BoostingOptions>,
) {
  const parts = prepareParts(spec, train, test, { seed: 1 });
  const { table, targets } = parts.training;
  const started = performance.now();
  const steps = boost({ table, objective: objectiveOf(targets) }, undefined, {
    ...BOOSTING_DEFAULTS,
    ...options,
  });
  let step = steps.next();
  while (!step.done) step = steps.next();
  return {
    scores: score(step.value.ensemble, parts.validation.table),
    targets: parts.validation.targets,
    seconds: (performance.now() - started) / 1000,
  };
}

function splitRows(rows: LabelledRows, name: string): { train: LabelledRows; test: LabelledRows } {
  const order = shuffle(Int32Array.from(rows.labels.keys()), seededRandom(1, 'split'));
  const cut = Math.floor(order.length * 0.8);
  const take = (positions: Int32Array): LabelledRows => ({
    instances: Array.from(positions, (at) => rows.instances[at] ?? {}),
    labels: Array.from(positions, (at) => rows.labels[at] ?? 0),
  });
  // For comparing with another library on the very same split.
  const file = process.argv[3];
  if (file)
    writeFileSync(join(file, `${name}-test-rows.json`), JSON.stringify([...order.subarray(cut)]));
  return { train: take(order.subarray(0, cut)), test: take(order.subarray(cut)) };
}

function foodDelivery() {
  const [header = '', ...lines] = read('delivery/food-delivery-india.csv');
  const names = header.split(',');
  const label = 'Time_taken(min)';
  const numbers = [
    'multiple_deliveries',
    'Delivery_person_Ratings',
    'Delivery_person_Age',
    'Vehicle_condition',
  ];
  const categories = names.filter((name) => name !== label && !numbers.includes(name));
  const renamed = (name: string): string => name.replaceAll(/[^a-zA-Z]/g, '');
  const instances: Instance[] = [];
  const labels: number[] = [];
  for (const line of lines) {
    const cells = line.split(',');
    const instance: Record<string, string | number | null> = {};
    names.forEach((name, at) => {
      const cell = cells[at]?.trim() ?? '';
      if (name === label) labels.push(Number(cell));
      else if (numbers.includes(name)) instance[renamed(name)] = cell === '' ? null : Number(cell);
      else instance[renamed(name)] = cell === '' ? null : cell;
    });
    instances.push(instance);
  }
  const spec = specOf(deliveryTime, numbers.map(renamed), categories.map(renamed));
  const { train, test } = splitRows({ instances, labels }, 'delivery');
  const { scores, targets, seconds } = fit(spec, train, test, squaredError, { trees: 150 });
  const { mae, r2 } = regressionMetrics(regressionSums(targets.labels, scores, 5));
  return { data: 'food delivery', mae, r2, wanted: 'MAE ≤ 3.9, R² ≥ 0.72', seconds };
}

function rankingRows(part: 'train' | 'test'): LabelledRows {
  const sizes = read(`ranking/rank.${part}.query`).map(Number);
  const queries = sizes.flatMap((size, at) => new Array<string>(size).fill(`query-${at}`));
  const lines = read(`ranking/rank.${part}`);
  const labels: number[] = [];
  const instances = lines.map((line) => {
    const [label = '0', ...pairs] = line.trim().split(' ');
    labels.push(Number(label));
    // A feature that a line does not name is 0.
    const instance: Record<string, number> = {};
    for (let at = 1; at <= 300; at++) instance[`f${at}`] = 0;
    for (const pair of pairs) {
      const [at, value] = pair.split(':');
      instance[`f${at}`] = Number(value);
    }
    return instance;
  });
  return { instances, labels, queries };
}

function lightGbmRanking() {
  const names = Array.from({ length: 300 }, (_, at) => `f${at + 1}`);
  const [train, test] = [rankingRows('train'), rankingRows('test')];
  const rules = { gain: 'exponential', cutoff: 10, truncation: 30 } as const;
  const { scores, targets, seconds } = fit(
    specOf(searchRanking, names, []),
    train,
    test,
    (each) => lambdaMart(each, rules),
    { trees: 100, minimumChildRows: 50, minimumChildWeight: 5 },
  );
  const ndcg = 1 - lambdaMart(targets, rules).loss(scores);
  return { data: 'LightGBM lambdarank', ndcg, wanted: 'NDCG@10 ≥ 0.71', seconds };
}

function cardTransactions() {
  const [header = '', ...lines] = read('fraud/ulb-creditcard-sample.csv');
  const names = header.split(',');
  const labels: string[] = [];
  const instances = lines.map((line) => {
    const cells = line.split(',');
    labels.push(cells[names.indexOf('Class')] === '1' ? 'fraud' : 'legitimate');
    return Object.fromEntries(
      names.slice(1, -1).map((name) => [name, Number(cells[names.indexOf(name)])]),
    );
  });
  const spec = specOf(cardFraud, names.slice(1, -1), []);
  const { train, test } = splitRows({ instances, labels }, 'fraud');
  const { scores, targets, seconds } = fit(spec, train, test, logLoss, {});
  const rows = { labels: targets.labels, scores };
  return {
    data: 'ULB card sample',
    averagePrecision: averagePrecision(rows),
    rocAuc: rocAuc(rows),
    wanted: 'average precision within 0.02 of LightGBM',
    seconds,
  };
}

console.table([foodDelivery(), lightGbmRanking(), cardTransactions()]);
