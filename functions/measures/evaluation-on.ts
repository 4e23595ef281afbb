import type { DatasetDigest } from '../contracts/dataset.ts';

/**
 * A result that holds for one dataset. `Digest` stands for that very dataset: results on two datasets have
 * two types, so that what compares them does not compile.
 */
export interface EvaluationOn<Digest extends DatasetDigest> {
  readonly dataset: Digest;
  readonly version: string;
  /** Metric of the task → value; absent where it is undefined on these rows. */
  readonly metrics: Readonly<Record<string, number | undefined>>;
}

/** Two results on different datasets, met at run time, where no type could tell. */
export class IncomparableError extends Error {
  override readonly name = 'IncomparableError';

  constructor(one: string, other: string) {
    super(
      `results on dataset ${one.slice(0, 12)}… and dataset ${other.slice(0, 12)}… are never compared: evaluate both versions on one dataset`,
    );
  }
}

/**
 * Gives a digest a type of its own within `use`: results made there compare with each other and with no
 * result made elsewhere.
 */
export const onDataset = <Result>(
  digest: DatasetDigest,
  // oxlint-disable-next-line typescript/no-unnecessary-type-parameters -- used once is the point: each call gets a type that no other call has.
  use: <Pinned extends DatasetDigest>(pinned: Pinned) => Result,
): Result => use(digest);

/** @throws IncomparableError unless the stored result is of the pinned dataset. */
export function pinResult<Pinned extends DatasetDigest>(
  pinned: Pinned,
  result: EvaluationOn<DatasetDigest>,
): EvaluationOn<Pinned> {
  if (result.dataset !== pinned) throw new IncomparableError(result.dataset, pinned);
  return { ...result, dataset: pinned };
}

/**
 * What the other result differs by, metric by metric; metrics that either lacks are left out.
 * @throws IncomparableError for results on different datasets.
 */
export function metricChanges<Pinned extends DatasetDigest>(
  from: EvaluationOn<Pinned>,
  to: EvaluationOn<NoInfer<Pinned>>,
): Record<string, { readonly from: number; readonly to: number }> {
  if (from.dataset !== to.dataset) throw new IncomparableError(from.dataset, to.dataset);
  const changes: Record<string, { from: number; to: number }> = {};
  for (const [metric, before] of Object.entries(from.metrics)) {
    const after = to.metrics[metric];
    if (before !== undefined && after !== undefined) changes[metric] = { from: before, to: after };
  }
  return changes;
}
