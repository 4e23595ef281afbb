import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import type { Task } from '../contracts/task.ts';
import { servedOrder } from './row-score.ts';

/** The column both versions are compared by: prediction or score, one value a row. */
export const comparedColumn = (task: Task): string =>
  task.kind === 'regression' ? task.prediction : task.score;

const KEPT_SCORES = 10;

/** Share of the champion's first k items that are among the challenger's first k. */
export function topOverlap(
  champion: readonly number[],
  challenger: readonly number[],
  cutoff: number,
): number {
  const k = Math.min(cutoff, champion.length);
  const top = new Set(servedOrder(challenger).slice(0, k));
  const common = servedOrder(champion)
    .slice(0, k)
    .filter((at) => top.has(at));
  return k === 0 ? 1 : common.length / k;
}

/**
 * Compares two answers to one request row by row.
 * @param champion values of `comparedColumn`, and the challenger's in the same order; NaN where there is none.
 */
export function compareAnswers(
  task: Task,
  champion: readonly number[],
  challenger: readonly number[],
): Pick<ShadowComparison, 'rows' | 'agreed' | 'flipped' | 'scores'> {
  const rows = champion.length;
  const scores = champion
    .slice(0, KEPT_SCORES)
    .map((score, row): [number, number] => [score, challenger[row] ?? Number.NaN])
    .filter((pair) => pair.every(Number.isFinite));
  if (task.kind === 'ranking')
    return {
      rows,
      agreed: rows * topOverlap(champion, challenger, task.cutoff),
      flipped: 0,
      scores,
    };
  const isAlike =
    task.kind === 'regression'
      ? (one: number, other: number) => Math.abs(one - other) <= task.tolerance
      : (one: number, other: number) => one >= task.threshold === other >= task.threshold;
  const agreed = champion.filter((score, row) =>
    isAlike(score, challenger[row] ?? Number.NaN),
  ).length;
  return { rows, agreed, flipped: task.kind === 'classification' ? rows - agreed : 0, scores };
}
