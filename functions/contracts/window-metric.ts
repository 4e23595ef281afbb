/**
 * What scheduled functions publish of a whole window, by Model: a gauge a window, because none of it is a
 * quotient of sums.
 */
export const WINDOW_METRICS = {
  /** Matured rows with a reported outcome over all of the hour whose outcome could be seen. */
  labelCoverage: { name: 'LabelCoverage', unit: 'None' },
  /** Positive outcomes in the window that the next ones rest on. */
  positives: { name: 'WindowPositives', unit: 'Count' },
  averagePrecision: { name: 'AveragePrecision', unit: 'None' },
  /** Ends of the 95 % interval. */
  averagePrecisionLow: { name: 'AveragePrecisionLow', unit: 'None' },
  averagePrecisionHigh: { name: 'AveragePrecisionHigh', unit: 'None' },
  /** Mean gap between promised and observed share over bins of equal mass. */
  calibrationError: { name: 'CalibrationError', unit: 'None' },
  /** Population stability index of the inputs: the largest of any feature, and the share that drifted. */
  largestStability: { name: 'LargestStability', unit: 'None' },
  driftedShare: { name: 'DriftedShare', unit: 'None' },
  /** Of the predictions themselves. */
  predictionStability: { name: 'PredictionStability', unit: 'None' },
} as const;
