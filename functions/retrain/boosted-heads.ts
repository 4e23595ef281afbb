import {
  type BoostingOptions,
  type BoostingResult,
  boost,
  type Ensemble,
  score,
} from './boosting.ts';
import type { FeatureTable, Targets } from './feature-table.ts';
import type { Objective } from './objective.ts';
import type { GraphBuilder } from './onnx-graph.ts';
import type { TrainingParts } from './training-parts.ts';
import { exportEnsembles } from './tree-export.ts';

/** What the caller hears while a training runs. */
export interface Progress {
  /** Such as `minutes` or `calibration`. */
  readonly stage: string;
  readonly done: number;
  readonly total: number;
}

export interface Curve {
  readonly name: string;
  /** What the numbers are: `squared error`, `1 - NDCG@10`. */
  readonly loss: string;
  /** After each tree or epoch, those that early stopping dropped included. */
  readonly training: readonly number[];
  readonly validation: readonly number[];
  /** Trees or epochs that are in the model. */
  readonly kept: number;
}

/** A score to learn, by its name in the report, and what it minimises on any rows. */
export interface Head {
  readonly name: string;
  readonly loss: string;
  readonly objective: (targets: Targets) => Objective;
}

/** Something that scores rows, one score a head, and can say the same in ONNX. */
export interface Scorer {
  /** @param head position of the head whose scores are wanted. */
  readonly scores: (table: FeatureTable, head: number) => Float64Array;
  /** @param features float64 [rows, columns] tensor. @returns a float64 [rows, 1] column a head. */
  export(graph: GraphBuilder, features: string): string[];
  readonly curves: readonly Curve[];
  /** Sum of split gains of each column; undefined where the model has no splits. */
  readonly gains: Float64Array | undefined;
}

function gainsOf(ensembles: readonly Ensemble[], columns: number): Float64Array {
  const gains = new Float64Array(columns);
  for (const { trees } of ensembles)
    for (const { column, gain } of trees)
      column.forEach((each, node) => {
        if (each >= 0) gains[each] = (gains[each] ?? 0) + (gain[node] ?? 0);
      });
  return gains;
}

/** Boosts one ensemble a head on the same rows. */
export function* boostHeads(
  heads: readonly Head[],
  { training, validation }: TrainingParts,
  options: BoostingOptions,
): Generator<Progress, Scorer> {
  const results: BoostingResult[] = [];
  for (const head of heads) {
    const steps = boost(
      { table: training.table, objective: head.objective(training.targets) },
      { table: validation.table, objective: head.objective(validation.targets) },
      options,
    );
    let step = steps.next();
    while (!step.done) {
      yield { stage: head.name, done: step.value, total: options.trees };
      step = steps.next();
    }
    results.push(step.value);
  }
  const ensembles = results.map(({ ensemble }) => ensemble);
  return {
    scores(table, head) {
      const ensemble = ensembles[head];
      return ensemble ? score(ensemble, table) : new Float64Array(table.rows);
    },
    export: (graph, features) => exportEnsembles(graph, features, ensembles),
    curves: heads.map(({ name, loss }, at) => ({
      name,
      loss,
      training: results[at]?.curve.training ?? [],
      validation: results[at]?.curve.validation ?? [],
      kept: results[at]?.ensemble.trees.length ?? 0,
    })),
    gains: gainsOf(ensembles, training.table.columns.length),
  };
}
