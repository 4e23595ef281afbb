import type { ModelSpec } from '../contracts/model-spec.ts';
import { type Components, METRIC_DEFINITIONS } from '../contracts/quality-metric.ts';
import { METRICS_OF_TASK } from '../contracts/task.ts';
import type { WINDOW_METRICS } from '../contracts/window-metric.ts';
import { addComponents, metricValue } from '../measures/row-score.ts';
import {
  histogramCalibrationError,
  histogramPrecision,
  positivesIn,
  precisionInterval,
  type ScoreHistogram,
} from '../measures/score-histogram.ts';
import type { HourTotals } from './matured-hour.ts';

export type WindowMetric = keyof typeof WINDOW_METRICS;

/** Values by name; what is undefined is not among them, and why. */
export interface Judged<Name extends string = string> {
  readonly values: Readonly<Partial<Record<Name, number>>>;
  readonly reasons: Readonly<Record<string, string>>;
}

/** The metrics that are quotients of the hour's own sums, over all arms. */
export function metricsOfHour({ task }: Pick<ModelSpec, 'task'>, { arms }: HourTotals): Judged {
  const sums = Object.values(arms).reduce<Components>(
    (all, arm) => addComponents(all, arm.sums),
    {},
  );
  const values: Record<string, number> = {};
  const reasons: Record<string, string> = {};
  for (const metric of METRICS_OF_TASK[task.kind]) {
    const definition = METRIC_DEFINITIONS[metric];
    if (definition.kind !== 'ratio') continue;
    const value = metricValue(metric, sums);
    if (value === undefined) reasons[metric] = `${definition.denominator.join(' + ')} is 0`;
    else values[metric] = value;
  }
  return { values, reasons };
}

/**
 * What is no quotient of sums: label coverage of the hour, and of classification average precision and
 * calibration over the window.
 * @param histogram of all hours of the window, this one among them.
 * @param stream names the interval's draws, so that a repeated run gives the same.
 */
export function windowMetrics(
  { task }: Pick<ModelSpec, 'task'>,
  { rows, labelled, hidden }: HourTotals,
  histogram: ScoreHistogram,
  stream: string,
): Judged<WindowMetric> {
  const seen = rows - hidden;
  const coverage = seen > 0 ? labelled / seen : undefined;
  const values: Partial<Record<WindowMetric, number>> = {};
  const reasons: Record<string, string> = {};
  const judge = (metric: WindowMetric, value: number | undefined, reason: string) => {
    if (value === undefined) reasons[metric] = reason;
    else values[metric] = value;
  };
  judge('labelCoverage', coverage, rows > 0 ? 'every row was declined' : 'nothing was predicted');
  if (task.kind !== 'classification') return { values, reasons };
  const interval = precisionInterval(histogram, stream);
  judge('positives', positivesIn(histogram), '');
  judge('averagePrecision', histogramPrecision(histogram), 'the window has no positive outcome');
  judge('averagePrecisionLow', interval?.low, 'the window has too few positive outcomes');
  judge('averagePrecisionHigh', interval?.high, 'the window has too few positive outcomes');
  judge('calibrationError', histogramCalibrationError(histogram), 'the window has no scored row');
  return { values, reasons };
}
