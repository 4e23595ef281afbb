import type { Task } from '../contracts/task.ts';
import type { Calibration } from './calibration.ts';
import type { IsolationForest } from './isolation-forest.ts';
import { type GraphBuilder, scalar } from './onnx-graph.ts';

type Regression = Extract<Task, { kind: 'regression' }>;

/** A head's scores, one a row, or the float64 [rows, 1] tensor that holds them. */
interface Operations<Column> {
  readonly least: (one: Column, other: Column) => Column;
  readonly most: (one: Column, other: Column) => Column;
}

/**
 * Makes quantiles consistent: sorted, which never raises their pinball loss (Chernozhukov et al. 2010),
 * then stretched where the point prediction lies outside, so that "32 minutes (33–40)" is never shown.
 * The same steps run in the trainer and as Min and Max in the graph.
 */
function orderQuantiles<Column>(
  point: Column,
  quantiles: readonly Column[],
  levels: readonly number[],
  { least, most }: Operations<Column>,
): Column[] {
  const sorted = [...quantiles];
  // Bubble sort: a fixed sequence of exchanges, as a graph needs, for a handful of levels.
  for (let pass = sorted.length - 1; pass > 0; pass--)
    for (let at = 0; at < pass; at++) {
      const one = sorted[at];
      const other = sorted[at + 1];
      if (one === undefined || other === undefined) continue;
      sorted[at] = least(one, other);
      sorted[at + 1] = most(one, other);
    }
  return sorted.map((quantile, at) => {
    const level = levels[at] ?? 0.5;
    if (level === 0.5) return quantile;
    return level < 0.5 ? least(quantile, point) : most(quantile, point);
  });
}

const rowwise =
  (choose: (one: number, other: number) => number) =>
  (one: Float64Array, other: Float64Array): Float64Array =>
    one.map((value, row) => choose(value, other[row] ?? 0));

const named = <Column>({ prediction, quantiles }: Regression, columns: readonly Column[]) =>
  new Map(
    [prediction, ...quantiles.map(({ column }) => column)].flatMap((name, at) => {
      const column = columns[at];
      return column === undefined ? [] : [[name, column] as const];
    }),
  );

function answers<Column>(
  task: Regression,
  scores: readonly Column[],
  operations: Operations<Column>,
): Map<string, Column> {
  const [point, ...quantiles] = scores;
  if (point === undefined) return new Map();
  const levels = task.quantiles.map(({ level }) => level);
  return named(task, [point, ...orderQuantiles(point, quantiles, levels, operations)]);
}

/** @param scores of the point and of each quantile, lowest level first. @returns answers by output column. */
export const regressionAnswers = (
  task: Regression,
  scores: readonly Float64Array[],
): Map<string, Float64Array> =>
  answers(task, scores, { least: rowwise(Math.min), most: rowwise(Math.max) });

export const exportRegressionAnswers = (
  graph: GraphBuilder,
  task: Regression,
  scores: readonly string[],
): Map<string, string> =>
  answers(task, scores, {
    least: (one, other) => graph.add('Min', [one, other]),
    most: (one, other) => graph.add('Max', [one, other]),
  });

/** sigmoid(intercept + Σ slope · input) on float64 columns. */
export function exportCalibration(
  graph: GraphBuilder,
  { slopes, intercept }: Calibration,
  inputs: readonly string[],
): string {
  const linear = inputs.reduce(
    (sum, input, at) =>
      graph.add('Add', [sum, graph.add('Mul', [input, scalar(graph, slopes[at] ?? 0)])]),
    scalar(graph, intercept),
  );
  // Sigmoid itself is computed by onnxruntime with less than double precision.
  const odds = graph.add('Exp', [graph.add('Neg', [linear])]);
  return graph.add('Reciprocal', [graph.add('Add', [odds, scalar(graph, 1)])]);
}

/** 2^(−path / scale) of a column of summed path lengths. */
export function exportAnomaly(graph: GraphBuilder, forest: IsolationForest, paths: string): string {
  const scale = forest.ensemble.trees.length * forest.expectedPath;
  return graph.add('Exp', [graph.add('Mul', [paths, scalar(graph, -Math.LN2 / scale)])]);
}
