import { ratio, type Sums } from './additive-sums.ts';

type Values = ArrayLike<number>;

export type RegressionSums = Sums<
  | 'rows'
  | 'error'
  | 'absoluteError'
  | 'squaredError'
  | 'outcome'
  | 'squaredOutcome'
  | 'absoluteOutcome'
  | 'withinTolerance'
  | 'late'
>;

/**
 * Sums of one or more predictions; error = prediction − outcome, in the task's unit.
 * @param tolerance |error| up to it counts as right; an outcome later than prediction + tolerance as late.
 */
export function regressionSums(
  outcomes: Values,
  predictions: Values,
  tolerance: number,
): RegressionSums {
  const sums = {
    rows: outcomes.length,
    error: 0,
    absoluteError: 0,
    squaredError: 0,
    outcome: 0,
    squaredOutcome: 0,
    absoluteOutcome: 0,
    withinTolerance: 0,
    late: 0,
  };
  for (let row = 0; row < outcomes.length; row++) {
    const outcome = outcomes[row] ?? 0;
    const error = (predictions[row] ?? 0) - outcome;
    sums.error += error;
    sums.absoluteError += Math.abs(error);
    sums.squaredError += error * error;
    sums.outcome += outcome;
    sums.squaredOutcome += outcome * outcome;
    sums.absoluteOutcome += Math.abs(outcome);
    sums.withinTolerance += Number(Math.abs(error) <= tolerance);
    sums.late += Number(-error > tolerance);
  }
  return sums;
}

/** MAE, RMSE, bias, WAPE, R² and shares; R² is absent for a constant outcome. */
export function regressionMetrics(sums: RegressionSums) {
  const { rows } = sums;
  const meanSquare = ratio(sums.squaredError, rows);
  const spread = sums.squaredOutcome - (rows > 0 ? sums.outcome ** 2 / rows : 0);
  // Below rounding of the two sums, the spread is that of a constant.
  const isConstant = spread <= sums.squaredOutcome * rows * Number.EPSILON;
  return {
    mae: ratio(sums.absoluteError, rows),
    rmse: meanSquare === undefined ? undefined : Math.sqrt(meanSquare),
    bias: ratio(sums.error, rows),
    wape: ratio(sums.absoluteError, sums.absoluteOutcome),
    r2: isConstant ? undefined : 1 - sums.squaredError / spread,
    withinToleranceShare: ratio(sums.withinTolerance, rows),
    lateShare: ratio(sums.late, rows),
  };
}

/** Quantile of the values with linear interpolation (Hyndman and Fan 1996, type 7); absent for none. */
export function linearQuantile(values: Values, level: number): number | undefined {
  const sorted = Float64Array.from(values).sort();
  const place = level * (sorted.length - 1);
  const below = sorted[Math.floor(place)];
  const above = sorted[Math.ceil(place)];
  if (below === undefined || above === undefined) return undefined;
  return below + (above - below) * (place - Math.floor(place));
}

/** |prediction − outcome| of each row. */
export const absoluteErrors = (outcomes: Values, predictions: Values): Float64Array =>
  Float64Array.from(outcomes, (outcome, row) => Math.abs((predictions[row] ?? 0) - outcome));

/** Mean |error| / |outcome| over the rows whose outcome is not 0, with the number of rows left out. */
export function meanAbsolutePercentageError(outcomes: Values, predictions: Values) {
  const errors = absoluteErrors(outcomes, predictions);
  let sum = 0;
  let rows = 0;
  errors.forEach((error, row) => {
    const outcome = Math.abs(outcomes[row] ?? 0);
    if (outcome === 0) return;
    sum += error / outcome;
    rows++;
  });
  return { mape: ratio(sum, rows), dropped: errors.length - rows };
}

/** Mean of 2 |error| / (|outcome| + |prediction|); a row where both are 0 counts as right. */
export function symmetricPercentageError(
  outcomes: Values,
  predictions: Values,
): number | undefined {
  let sum = 0;
  absoluteErrors(outcomes, predictions).forEach((error, row) => {
    sum += ratio(2 * error, Math.abs(outcomes[row] ?? 0) + Math.abs(predictions[row] ?? 0)) ?? 0;
  });
  return ratio(sum, outcomes.length);
}

/** Pinball loss of one row (Koenker and Bassett 1978): what a quantile of this level minimises. */
export function pinballLoss(level: number, outcome: number, quantile: number): number {
  const above = outcome - quantile;
  return Math.max(level * above, (level - 1) * above);
}

export function meanPinballLoss(
  level: number,
  outcomes: Values,
  quantiles: Values,
): number | undefined {
  let sum = 0;
  for (let row = 0; row < outcomes.length; row++)
    sum += pinballLoss(level, outcomes[row] ?? 0, quantiles[row] ?? 0);
  return ratio(sum, outcomes.length);
}

export type IntervalSums = Sums<'rows' | 'covered' | 'width' | 'winkler'>;

/**
 * Sums for a prediction interval.
 * @param levels of its lower and upper end, such as 0.1 and 0.9; they set the Winkler penalty 2 / alpha.
 */
export function intervalSums(
  outcomes: Values,
  lower: Values,
  upper: Values,
  levels: { readonly lower: number; readonly upper: number },
): IntervalSums {
  const penalty = 2 / (1 - (levels.upper - levels.lower));
  const sums = { rows: outcomes.length, covered: 0, width: 0, winkler: 0 };
  for (let row = 0; row < outcomes.length; row++) {
    const outcome = outcomes[row] ?? 0;
    const low = lower[row] ?? 0;
    const high = upper[row] ?? 0;
    sums.covered += Number(low <= outcome && outcome <= high);
    sums.width += high - low;
    sums.winkler +=
      high - low + penalty * (Math.max(low - outcome, 0) + Math.max(outcome - high, 0));
  }
  return sums;
}

/** Coverage, mean width and Winkler's interval score (Winkler 1972), all absent without rows. */
export const intervalMetrics = (sums: IntervalSums) => ({
  quantileCoverage: ratio(sums.covered, sums.rows),
  width: ratio(sums.width, sums.rows),
  winkler: ratio(sums.winkler, sums.rows),
});
