import type { ModelSpec } from '../contracts/model-spec.ts';
import { hashText } from '../measures/seeded-random.ts';
import {
  type FeatureColumn,
  refuseRepeatedColumns,
  type Targets,
  type TrainingData,
} from './feature-table.ts';
import {
  type LabelledRows,
  labelNumbers,
  refuseUniform,
  refuseUnusable,
  rowWeights,
  TrainingDataError,
} from './labelled-rows.ts';
import { encodeRows, type InputColumn, inputColumns, learnColumns } from './row-encoding.ts';

/** Share of the rows that the trainer keeps to stop early, calibrate and report, unless it is given some. */
const VALIDATION_SHARE = 0.2;

export interface TrainingParts {
  readonly inputs: readonly InputColumn[];
  readonly columns: readonly FeatureColumn[];
  readonly training: TrainingData;
  readonly validation: TrainingData;
  /** Rows of `validation`, or of the rows given for it, in the order of its table. */
  readonly validationRows: LabelledRows;
}

function pick(rows: LabelledRows, positions: readonly number[]): LabelledRows {
  const { queries, weights } = rows;
  return {
    instances: positions.map((at) => rows.instances[at] ?? {}),
    labels: positions.map((at) => rows.labels[at] ?? Number.NaN),
    ...(queries && { queries: positions.map((at) => queries[at] ?? '') }),
    ...(weights && { weights: positions.map((at) => weights[at] ?? 0) }),
  };
}

/** Brings rows of one query together; queries in the order of their first row. */
function groupQueries(rows: LabelledRows): LabelledRows {
  const positions = new Map<string, number[]>();
  rows.queries?.forEach((query, at) => {
    const of = positions.get(query);
    if (of) of.push(at);
    else positions.set(query, [at]);
  });
  return rows.queries ? pick(rows, [...positions.values()].flat()) : rows;
}

/**
 * What decides the part a row goes to: its query, else its entity, so that both parts never share one;
 * else its position.
 */
function partKey(spec: ModelSpec, rows: LabelledRows, row: number): string {
  const query = rows.queries?.[row];
  if (query !== undefined) return query;
  const instance = rows.instances[row] ?? {};
  const entity = spec.entityKeys.map((key) => instance[key] ?? '').join('\n');
  return entity.trim() === '' ? `row ${row}` : entity;
}

/** Splits by a hash of seed and key: the same rows part the same way in whatever order they come. */
function split(spec: ModelSpec, rows: LabelledRows, seed: number): [LabelledRows, LabelledRows] {
  const kept: number[] = [];
  const held: number[] = [];
  for (let row = 0; row < rows.instances.length; row++) {
    const place = hashText(partKey(spec, rows, row), seed) / 2 ** 32;
    (place < VALIDATION_SHARE ? held : kept).push(row);
  }
  // So few rows that one part came out empty: train and report on the same ones.
  if (kept.length === 0 || held.length === 0) return [rows, rows];
  return [pick(rows, kept), pick(rows, held)];
}

function targetsOf({ task }: ModelSpec, rows: LabelledRows, part: string): Targets {
  const labels = labelNumbers(task, rows.labels);
  const starts: number[] = [];
  rows.queries?.forEach((query, row) => {
    if (row === 0 || query !== rows.queries?.[row - 1]) starts.push(row);
  });
  const queryStarts = Int32Array.from([...starts, labels.length]);
  refuseUniform(task, labels, queryStarts, part);
  return { labels, weights: rowWeights(rows), queryStarts };
}

/** What a training row of each class counts, by the class's name; 1 for a class not named. */
export type ClassWeights = Readonly<Record<string, number>>;

/** Only the training part: probabilities are calibrated to how often the classes really occur. */
function weighClasses(
  { task }: ModelSpec,
  targets: Targets,
  classWeights: ClassWeights | undefined,
): Targets {
  if (!classWeights || task.kind !== 'classification') return targets;
  for (const [name, weight] of Object.entries(classWeights)) {
    if (!task.classes.includes(name))
      throw new TrainingDataError(`class weights name "${name}", which is no class`);
    if (!(weight > 0 && weight < Infinity))
      throw new TrainingDataError(`the class weight of "${name}" is ${weight}, not above 0`);
  }
  const weightOf = (label: number): number => classWeights[task.classes[label === 1 ? 1 : 0]] ?? 1;
  const weights = targets.weights.map((weight, row) => weight * weightOf(targets.labels[row] ?? 0));
  return { ...targets, weights };
}

/**
 * Checks, splits and encodes rows.
 * @param given rows to validate on; without them a seeded fifth of `rows` is held out, never a part of a
 * query or of an entity.
 */
export function prepareParts(
  spec: ModelSpec,
  rows: LabelledRows,
  given: LabelledRows | undefined,
  { seed, classWeights }: { readonly seed: number; readonly classWeights?: ClassWeights },
): TrainingParts {
  const inputs = inputColumns(spec);
  refuseRepeatedColumns(inputs);
  refuseUnusable(spec.task, rows);
  if (given) refuseUnusable(spec.task, given);
  labelNumbers(spec.task, rows.labels);
  rowWeights(rows);
  const [train, held] = given ? [rows, given] : split(spec, rows, seed);
  const trainingRows = groupQueries(train);
  const validationRows = groupQueries(held);
  const columns = learnColumns(inputs, trainingRows.instances);
  return {
    inputs,
    columns,
    validationRows,
    training: {
      table: encodeRows(inputs, columns, trainingRows.instances),
      targets: weighClasses(spec, targetsOf(spec, trainingRows, 'training'), classWeights),
    },
    validation: {
      table: encodeRows(inputs, columns, validationRows.instances),
      targets: targetsOf(spec, validationRows, 'validation'),
    },
  };
}
