/** A prediction and, once known, its truth; times in one unit, as the caller likes. */
export interface AwaitedRow {
  readonly predictedAt: number;
  readonly score: number;
  /** 0 or 1; absent while nobody has reported it. */
  readonly label?: number;
  readonly labelledAt?: number;
}

export interface MaturedRows {
  readonly labels: number[];
  readonly scores: number[];
  /** Reported labels over matured rows, before silence was given a meaning; absent without rows. */
  readonly completeness: number | undefined;
}

/**
 * The rows old enough for their outcome to be known.
 * @param silenceMeans `negative`: a matured row that nobody reported is a 0; `unknown`: it is left out.
 */
export function maturedRows(
  rows: readonly AwaitedRow[],
  now: number,
  maturity: number,
  silenceMeans: 'negative' | 'unknown',
): MaturedRows {
  const matured = rows.filter(({ predictedAt }) => predictedAt + maturity <= now);
  const isKnown = ({ label, labelledAt }: AwaitedRow): boolean =>
    label !== undefined && (labelledAt ?? 0) <= now;
  const counted = silenceMeans === 'negative' ? matured : matured.filter(isKnown);
  const known = matured.filter(isKnown).length;
  return {
    labels: counted.map((row) => (isKnown(row) ? (row.label ?? 0) : 0)),
    scores: counted.map(({ score }) => score),
    completeness: matured.length > 0 ? known / matured.length : undefined,
  };
}

/**
 * Rows that stand for labels nobody knows yet: each prediction counts as positive with its own calibrated
 * probability and as negative with the rest (NannyML's CBPE). Holds while calibration does.
 */
export function expectedRows(probabilities: readonly number[]) {
  return {
    labels: [...probabilities.map(() => 1), ...probabilities.map(() => 0)],
    scores: [...probabilities, ...probabilities],
    weights: [...probabilities, ...probabilities.map((probability) => 1 - probability)],
  };
}

/**
 * Average precision that calibrated probabilities promise, each row its own step in the order given among
 * equals, as NannyML cumulates them; absent without rows.
 */
export function expectedAveragePrecision(probabilities: readonly number[]): number | undefined {
  let positives = 0;
  let area = 0;
  probabilities
    .toSorted((one, other) => other - one)
    .forEach((probability, at) => {
      positives += probability;
      area += (probability * positives) / (at + 1);
    });
  return positives > 0 ? area / positives : undefined;
}
