import { seededRandom, shuffle } from '../measures/seeded-random.ts';
import type { Head } from './boosted-heads.ts';
import { type FeatureTable, type Targets, type TrainingData, takeRows } from './feature-table.ts';
import { denseInputs, type NetworkInputs } from './network-inputs.ts';
import type { Objective } from './objective.ts';

/** Rows a step; for ranking, whole queries of at least as many rows. */
const BATCH_ROWS = 128;

export interface Batch {
  readonly table: FeatureTable;
  readonly dense: Float64Array;
  readonly objectives: readonly Objective[];
}

/** Bounds of batches: anywhere for plain rows, between queries for ranking. */
function batchBounds({ labels, queryStarts }: Targets): [number, number][] {
  const bounds: [number, number][] = [];
  const starts = queryStarts.length > 1 ? queryStarts : Int32Array.from(labels.keys());
  let from = 0;
  for (const start of [...starts, labels.length])
    if (start - from >= BATCH_ROWS || (start === labels.length && start > from)) {
      bounds.push([from, start]);
      from = start;
    }
  return bounds;
}

function takeTargets(targets: Targets, rows: Int32Array, queryStarts: Int32Array): Targets {
  return {
    labels: Float64Array.from(rows, (row) => targets.labels[row] ?? 0),
    weights: Float64Array.from(rows, (row) => targets.weights[row] ?? 0),
    queryStarts,
  };
}

/** Cuts the training rows into batches; plain rows are shuffled first, since they come in time order. */
export function batches(
  heads: readonly Head[],
  inputs: NetworkInputs,
  { table, targets }: TrainingData,
  seed: number,
): Batch[] {
  const order = Int32Array.from({ length: table.rows }, (_, row) => row);
  const isRanking = targets.queryStarts.length > 1;
  if (!isRanking) shuffle(order, seededRandom(seed, 'batches'));
  return batchBounds(targets).map(([from, to]) => {
    const rows = order.subarray(from, to);
    const starts = targets.queryStarts.filter((start) => start >= from && start <= to);
    const part = takeTargets(
      targets,
      rows,
      isRanking ? starts.map((start) => start - from) : Int32Array.of(),
    );
    const batchTable = takeRows(table, rows);
    return {
      table: batchTable,
      dense: denseInputs(inputs, batchTable),
      objectives: heads.map(({ objective }) => objective(part)),
    };
  });
}
