import { type SeededRandom, seededRandom, shuffle } from '../measures/seeded-random.ts';
import { addAnswers, type DecisionTree } from './decision-tree.ts';
import { binTable, MOST_BINS } from './feature-bins.ts';
import { type FeatureTable, refuseRepeatedColumns } from './feature-table.ts';
import { histogramLayout, makeSummable } from './gradient-histogram.ts';
import type { Objective } from './objective.ts';
import type { SplitRules } from './split-search.ts';
import { type GrownTree, growTree, growthBuffers } from './tree-growth.ts';

export interface BoostingOptions extends SplitRules {
  readonly trees: number;
  readonly leaves: number;
  readonly learningRate: number;
  /** Bins a number column, 2 to 255. */
  readonly bins: number;
  /** Share of rows, and of columns, that each tree sees, above 0 and up to 1. */
  readonly rowShare: number;
  readonly columnShare: number;
  /** Trees without a better validation loss before boosting stops; 0 never stops early. */
  readonly patience: number;
  /** Trees whose validation losses are averaged to judge the last one; above 1 where the loss jumps. */
  readonly smoothing: number;
  readonly seed: number;
}

export const BOOSTING_DEFAULTS: BoostingOptions = {
  trees: 100,
  leaves: 31,
  learningRate: 0.1,
  bins: 255,
  rowShare: 1,
  columnShare: 1,
  patience: 0,
  smoothing: 1,
  seed: 1,
  l1: 0,
  l2: 0,
  minimumGain: 0,
  minimumChildRows: 20,
  minimumChildWeight: 1e-3,
  oneHotLimit: 4,
};

/** A score is the base plus the answers of all trees; learning rates are in the leaf values already. */
export interface Ensemble {
  readonly base: number;
  readonly trees: readonly DecisionTree[];
}

export interface LearningCurve {
  /** Loss after each tree; of all trees grown, those dropped by early stopping included. */
  readonly training: readonly number[];
  readonly validation: readonly number[];
}

export interface BoostingResult {
  readonly ensemble: Ensemble;
  readonly curve: LearningCurve;
}

export interface BoostingPart {
  readonly table: FeatureTable;
  readonly objective: Objective;
}

const SHARES = ['rowShare', 'columnShare', 'learningRate'] as const;

function refuseOptions(options: BoostingOptions): void {
  for (const name of SHARES)
    if (!(options[name] > 0 && options[name] <= 1))
      throw new Error(`${name} is ${options[name]}: it must be above 0 and at most 1`);
  if (!(options.bins >= 2 && options.bins <= MOST_BINS))
    throw new Error(`bins is ${options.bins}: it must be from 2 to ${MOST_BINS}`);
  if (!(options.leaves >= 2)) throw new Error(`leaves is ${options.leaves}: it must be at least 2`);
  for (const name of ['l1', 'l2', 'minimumGain', 'minimumChildWeight'] as const)
    if (!(options[name] >= 0))
      throw new Error(`${name} is ${options[name]}: it must not be negative`);
}

/** `share` of 0..count-1, ascending. */
function sample(count: number, share: number, random: SeededRandom): Int32Array {
  const all = new Int32Array(count);
  for (let at = 0; at < count; at++) all[at] = at;
  if (share === 1) return all;
  const size = Math.max(1, Math.round(count * share));
  return shuffle(all, random).subarray(0, size).sort();
}

function scaled(tree: DecisionTree, rate: number): DecisionTree {
  return { ...tree, value: tree.value.map((value) => value * rate) };
}

/** Adds a tree's answers to the training scores, by leaf where the tree saw every row. */
function addToTraining(
  { tree, leaves }: GrownTree,
  rate: number,
  part: BoostingPart,
  scores: Float64Array,
  sawEveryRow: boolean,
): void {
  if (!sawEveryRow) return addAnswers(scaled(tree, rate), part.table, scores);
  for (const { node, rows } of leaves) {
    const answer = (tree.value[node] ?? 0) * rate;
    for (const row of rows) scores[row] = (scores[row] ?? 0) + answer;
  }
}

function meanOfLast(values: readonly number[], count: number): number {
  const last = values.slice(-count);
  // Before there are enough, a lucky start must not pass for the best.
  return last.length < count
    ? Number.POSITIVE_INFINITY
    : last.reduce((sum, each) => sum + each, 0) / count;
}

/**
 * Gradient boosting of histogram trees, one tree a step, so that the caller may show progress or stop.
 *
 * Memory: a byte a row and column for the bins, 40 bytes a row for scores, gradients and order, and for each
 * leaf 6 kB a column of histogram, beside the table itself (4 bytes a row and column).
 * @param validation rows that only the curve and early stopping see.
 * @yields the number of trees grown.
 */
export function* boost(
  training: BoostingPart,
  validation: BoostingPart | undefined,
  options: BoostingOptions,
): Generator<number, BoostingResult> {
  refuseOptions(options);
  const { table, objective } = training;
  refuseRepeatedColumns(table.columns);
  const binned = binTable(table, options.bins, options.seed);
  const random = seededRandom(options.seed, 'boosting samples');
  const buffers = growthBuffers(table.rows);
  const padding = new Uint8Array(table.rows);
  const gradient = new Float64Array(table.rows);
  const hessian = new Float64Array(table.rows);
  const base = objective.initialScore();
  const scores = new Float64Array(table.rows).fill(base);
  const validationScores = new Float64Array(validation?.table.rows ?? 0).fill(base);
  const trees: DecisionTree[] = [];
  const curve = { training: [] as number[], validation: [] as number[] };
  let best = { loss: Number.POSITIVE_INFINITY, trees: 0 };
  while (trees.length < options.trees) {
    objective.differentiate(scores, gradient, hessian);
    makeSummable(gradient);
    makeSummable(hessian);
    const grown = growTree({
      binned,
      layout: histogramLayout(
        binned,
        sample(table.columns.length, options.columnShare, random),
        padding,
      ),
      gradient,
      hessian,
      rows: sample(table.rows, options.rowShare, random),
      rules: options,
      leaves: options.leaves,
      buffers,
      leafValue: objective.leafValue && ((rows) => objective.leafValue?.(rows, scores) ?? 0),
    });
    addToTraining(grown, options.learningRate, training, scores, options.rowShare === 1);
    const tree = scaled(grown.tree, options.learningRate);
    trees.push(tree);
    curve.training.push(objective.loss(scores));
    if (validation) {
      addAnswers(tree, validation.table, validationScores);
      curve.validation.push(validation.objective.loss(validationScores));
      const loss = meanOfLast(curve.validation, options.smoothing);
      if (loss < best.loss) best = { loss, trees: trees.length };
      if (options.patience > 0 && trees.length - best.trees >= options.patience) break;
    }
    yield trees.length;
  }
  const stopped = validation && options.patience > 0 && best.trees > 0;
  const kept = stopped ? best.trees : trees.length;
  return { ensemble: { base, trees: trees.slice(0, kept) }, curve };
}

/** Scores of every row of a table. */
export function score({ base, trees }: Ensemble, table: FeatureTable): Float64Array {
  const scores = new Float64Array(table.rows).fill(base);
  for (const tree of trees) addAnswers(tree, table, scores);
  return scores;
}
