import { ratio } from './additive-sums.ts';
import type { ScoredRows } from './classification-metrics.ts';

/** Rows whose scores lie together: what was promised and what came. */
export interface CalibrationBin {
  readonly rows: number;
  readonly meanScore: number;
  readonly observedShare: number;
}

function binBy({ labels, scores }: ScoredRows, binOf: (row: number) => number): CalibrationBin[] {
  const sums = new Map<number, { rows: number; scores: number; labels: number }>();
  for (let row = 0; row < labels.length; row++) {
    const bin = binOf(row);
    const sum = sums.get(bin) ?? { rows: 0, scores: 0, labels: 0 };
    sum.rows += 1;
    sum.scores += scores[row] ?? 0;
    sum.labels += labels[row] ?? 0;
    sums.set(bin, sum);
  }
  return [...sums]
    .sort(([one], [other]) => one - other)
    .map(([, sum]) => ({
      rows: sum.rows,
      meanScore: sum.scores / sum.rows,
      observedShare: sum.labels / sum.rows,
    }));
}

/** Bins [0, 1/n), [1/n, 2/n) …, the last including 1; empty bins are left out. */
export const equalWidthBins = (rows: ScoredRows, bins: number): CalibrationBin[] =>
  binBy(rows, (row) => Math.min(Math.floor((rows.scores[row] ?? 0) * bins), bins - 1));

/** Bins of about as many rows each, by rank of the score; where almost all scores are small, use these. */
export function equalMassBins(rows: ScoredRows, bins: number): CalibrationBin[] {
  const { length } = rows.labels;
  const order = Int32Array.from(rows.labels, (_, row) => row);
  order.sort((one, other) => (rows.scores[one] ?? 0) - (rows.scores[other] ?? 0));
  const rank = new Int32Array(length);
  order.forEach((row, at) => {
    rank[row] = at;
  });
  return binBy(rows, (row) => Math.floor(((rank[row] ?? 0) * bins) / length));
}

/** Σ |Σ score − Σ label| / n over bins; states little without its binning. Absent without rows. */
export function expectedCalibrationError(bins: readonly CalibrationBin[]): number | undefined {
  let gap = 0;
  let rows = 0;
  for (const bin of bins) {
    gap += Math.abs(bin.meanScore - bin.observedShare) * bin.rows;
    rows += bin.rows;
  }
  return ratio(gap, rows);
}

/** Positives that came over positives that the scores promised. */
export function calibrationRatio({ labels, scores }: ScoredRows): number | undefined {
  let observed = 0;
  let expected = 0;
  for (let row = 0; row < labels.length; row++) {
    observed += labels[row] ?? 0;
    expected += scores[row] ?? 0;
  }
  return ratio(observed, expected);
}
