export type AlarmState = 'OK' | 'ALARM' | 'INSUFFICIENT_DATA';
export type MissingData = 'missing' | 'ignore' | 'breaching' | 'notBreaching';

const COMPARISONS = {
  GreaterThanOrEqualToThreshold: (value: number, threshold: number) => value >= threshold,
  GreaterThanThreshold: (value: number, threshold: number) => value > threshold,
  LessThanThreshold: (value: number, threshold: number) => value < threshold,
  LessThanOrEqualToThreshold: (value: number, threshold: number) => value <= threshold,
};
export type Comparison = keyof typeof COMPARISONS;
export const COMPARISON_NAMES = Object.keys(COMPARISONS) as readonly Comparison[];

export interface AlarmRule {
  readonly comparison: Comparison;
  readonly threshold: number;
  readonly evaluationPeriods: number;
  readonly datapointsToAlarm: number;
  readonly missingData: MissingData;
}

/** A datapoint of the evaluation range; without a value it is missing. */
export interface Datapoint {
  readonly atMs: number;
  readonly value?: number | undefined;
}

export interface Evaluation {
  readonly state: AlarmState;
  /** What the state was decided on, oldest first. */
  readonly evaluated: readonly Datapoint[];
}

/**
 * How many periods CloudWatch looks back: it does not publish the number; its examples show five for
 * three evaluation periods.
 */
export const evaluationRange = ({ evaluationPeriods }: AlarmRule): number => evaluationPeriods + 2;

/**
 * Decides an alarm's state on its evaluation range, oldest datapoint first.
 * https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
 */
export function evaluateAlarm(
  rule: AlarmRule,
  range: readonly Datapoint[],
  current: AlarmState,
): Evaluation {
  const real = range.filter(({ value }) => value !== undefined);
  const evaluated = real.slice(-rule.evaluationPeriods);
  const isBreaching = ({ value = 0 }: Datapoint) =>
    COMPARISONS[rule.comparison](value, rule.threshold);
  const breaching = evaluated.filter(isBreaching).length;
  if (breaching >= rule.datapointsToAlarm) return { state: 'ALARM', evaluated };
  if (evaluated.length === rule.evaluationPeriods) return { state: 'OK', evaluated };
  const filled = rule.evaluationPeriods - evaluated.length;
  switch (rule.missingData) {
    case 'breaching':
      return { state: breaching + filled >= rule.datapointsToAlarm ? 'ALARM' : 'OK', evaluated };
    case 'notBreaching':
      return { state: 'OK', evaluated };
    case 'ignore':
      return { state: breaching < evaluated.length ? 'OK' : current, evaluated };
    case 'missing':
      if (evaluated.length === 0) return { state: 'INSUFFICIENT_DATA', evaluated };
      return { state: isPremature(rule, range, isBreaching) ? 'ALARM' : 'OK', evaluated };
  }
}

/** Whether nothing but breaches was seen, the oldest of them so long ago that enough would have followed. */
function isPremature(
  { datapointsToAlarm }: AlarmRule,
  range: readonly Datapoint[],
  isBreaching: (datapoint: Datapoint) => boolean,
): boolean {
  const oldest = range.findIndex(({ value }) => value !== undefined);
  const isOldEnough = range.length - oldest >= datapointsToAlarm;
  return isOldEnough && range.every((point) => point.value === undefined || isBreaching(point));
}
