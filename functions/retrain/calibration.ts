import { sigmoid } from './objective.ts';

/** probability = sigmoid(intercept + Σ slopes[i] · inputs[i]). */
export interface Calibration {
  readonly slopes: readonly number[];
  readonly intercept: number;
}

/** Order must survive even a model that validates no better than chance. */
const LEAST_SLOPE: number = 1e-3;
/** Towards slope 0 by as much as one row's evidence: a separable validation part has no finite fit. */
const RIDGE: number = 1e-3;

/** Solves a small symmetric positive definite system by Gaussian elimination. */
function solve(matrix: number[][], right: number[]): number[] {
  const rows = matrix.map((row, at) => [...row, right[at] ?? 0]);
  const size = right.length;
  rows.forEach((pivotRow, at) => {
    const pivot = pivotRow[at] || 1e-12;
    for (const row of rows.slice(at + 1)) {
      const factor = (row[at] ?? 0) / pivot;
      for (let column = at; column <= size; column++)
        row[column] = (row[column] ?? 0) - factor * (pivotRow[column] ?? 0);
    }
  });
  const solution = new Array<number>(size).fill(0);
  for (let at = size - 1; at >= 0; at--) {
    const row = rows[at] ?? [];
    const known = solution.reduce((sum, value, column) => sum + value * (row[column] ?? 0), 0);
    solution[at] = ((row[size] ?? 0) - known) / (row[at] || 1e-12);
  }
  return solution;
}

/** One Newton step of ridge logistic regression. @returns the new coefficients, intercept last. */
function improve(
  coefficients: readonly number[],
  inputs: readonly Float64Array[],
  targets: Float64Array,
  weights: Float64Array,
): number[] {
  const size = coefficients.length;
  const gradient = coefficients.map((value, at) => (at < size - 1 ? RIDGE * value : 0));
  const hessian = coefficients.map((_, row) =>
    coefficients.map((__, column) => (row === column ? RIDGE : 0)),
  );
  const features = new Array<number>(size).fill(1);
  for (let row = 0; row < targets.length; row++) {
    inputs.forEach((input, at) => {
      features[at] = input[row] ?? 0;
    });
    const linear = features.reduce((sum, x, at) => sum + x * (coefficients[at] ?? 0), 0);
    const probability = sigmoid(linear);
    const weight = weights[row] ?? 0;
    const slope = (probability - (targets[row] ?? 0)) * weight;
    const curvature = probability * (1 - probability) * weight;
    for (let i = 0; i < size; i++) {
      gradient[i] = (gradient[i] ?? 0) + slope * (features[i] ?? 0);
      const line = hessian[i] ?? [];
      for (let j = 0; j < size; j++)
        line[j] = (line[j] ?? 0) + curvature * (features[i] ?? 0) * (features[j] ?? 0);
    }
  }
  const step = solve(hessian, gradient);
  // Steps are bounded because the quadratic model is only good near by.
  const longest = Math.max(1, ...step.map((each) => Math.abs(each) / 4));
  return coefficients.map((value, at) => value - (step[at] ?? 0) / longest);
}

function fit(
  inputs: readonly Float64Array[],
  targets: Float64Array,
  weights: Float64Array,
): Calibration {
  let coefficients = [...inputs.map((_, at) => (at === 0 ? 1 : 0)), 0];
  for (let step = 0; step < 50; step++) {
    const next = improve(coefficients, inputs, targets, weights);
    const moved = next.some((value, at) => Math.abs(value - (coefficients[at] ?? 0)) > 1e-9);
    coefficients = next;
    if (!moved) break;
  }
  return { slopes: coefficients.slice(0, -1), intercept: coefficients.at(-1) ?? 0 };
}

/**
 * Platt's calibration (Platt 1999, with his smoothed targets) of one score, or of a score and further
 * evidence together. No slope is negative: an input that would count against the event is left out, and
 * the first one keeps a little slope, so that a higher score never means a lower probability.
 * @param inputs each with a value a row; the model's score first.
 * @param isPositive 0 or 1 a row.
 */
export function fitCalibration(
  inputs: readonly Float64Array[],
  isPositive: Float64Array,
  weights: Float64Array,
): Calibration {
  const positives = isPositive.reduce((sum, each) => sum + each, 0);
  const high = (positives + 1) / (positives + 2);
  const low = 1 / (isPositive.length - positives + 2);
  const targets = isPositive.map((each) => (each > 0 ? high : low));
  const fitted = fit(inputs, targets, weights);
  const harmful = fitted.slopes.findIndex((slope, at) => at > 0 && slope < 0);
  if (harmful > 0) {
    const rest = fitCalibration(inputs.toSpliced(harmful, 1), isPositive, weights);
    return { ...rest, slopes: rest.slopes.toSpliced(harmful, 0, 0) };
  }
  if ((fitted.slopes[0] ?? 0) >= LEAST_SLOPE) return fitted;
  return { ...fitted, slopes: [LEAST_SLOPE, ...fitted.slopes.slice(1)] };
}

export function calibrate(
  { slopes, intercept }: Calibration,
  inputs: readonly Float64Array[],
): Float64Array {
  const rows = inputs[0]?.length ?? 0;
  return Float64Array.from({ length: rows }, (_, row) =>
    sigmoid(slopes.reduce((sum, slope, at) => sum + slope * (inputs[at]?.[row] ?? 0), intercept)),
  );
}
