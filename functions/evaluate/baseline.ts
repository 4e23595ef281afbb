import type { Baseline, DatasetEvaluation } from '../contracts/dataset-evaluation.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { evidenceOf, type MetricId, type QualityComponent } from '../contracts/quality-metric.ts';

/** The spec's objectives that an evaluation misses; none where it rests on too little to say. */
export function missedObjectives(
  { monitoring }: Pick<ModelSpec, 'monitoring'>,
  { metrics, sums }: Pick<DatasetEvaluation, 'metrics' | 'sums'>,
): Baseline['missed'] {
  const counted: Readonly<Partial<Record<QualityComponent, number>>> = sums;
  return monitoring.objectives.flatMap(({ metric, comparison, threshold, minimumLabels }) => {
    const value = metrics[metric];
    if (value === undefined) return [];
    const evidence = evidenceOf(metric as MetricId).reduce(
      (sum, component) => sum + (counted[component] ?? 0),
      0,
    );
    // What is not made of components (average precision) rests on all labels.
    if ((evidence || (counted.labels ?? 0)) < minimumLabels) return [];
    const isMissed = comparison === 'at-most' ? value > threshold : value < threshold;
    return isMissed ? [{ metric, comparison, threshold, value }] : [];
  });
}
