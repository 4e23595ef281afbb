import type { Task } from '../../functions/contracts/task.ts';
import { type SeededRandom, seededRandom } from '../../functions/measures/seeded-random.ts';
import type { LabelledRows } from '../../functions/retrain/labelled-rows.ts';
import { smallInstance, smallSignal } from './small-spec.ts';

function labelOf(kind: Task['kind'], signal: number, random: SeededRandom): number | string {
  const noisy = signal + random.normal();
  if (kind === 'regression') return noisy;
  if (kind === 'classification') return noisy > 3 ? 'fraud' : 'legitimate';
  return noisy > 4 ? 3 : Number(noisy > 2);
}

/** Rows of the small features with their task's labels. */
export function smallRows(kind: Task['kind'], count: number, seed: number): LabelledRows {
  const random = seededRandom(seed, 'small rows');
  const instances = Array.from({ length: count }, () => smallInstance(random));
  const labels = instances.map((instance) => labelOf(kind, smallSignal(instance), random));
  const queries = instances.map((_, row) => `query-${Math.floor(row / 12)}`);
  return kind === 'ranking' ? { instances, labels, queries } : { instances, labels };
}
