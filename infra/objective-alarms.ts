import { Alarm, ComparisonOperator, TreatMissingData } from 'aws-cdk-lib/aws-cloudwatch';
import { Duration, Tags } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { Objective } from '../functions/contracts/monitoring.ts';
import { type AlarmSubject, objectiveAlarmName } from '../functions/contracts/objective-alarm.ts';
import type { MetricId } from '../functions/contracts/quality-metric.ts';
import { type Arm, CADENCE_PERIODS, isKnownByArm, type ModelMetrics } from './model-metrics.ts';

export interface ObjectiveAlarmsProps {
  readonly spec: ModelSpec;
  readonly stage: string;
  readonly metrics: ModelMetrics;
}

const ARMS: readonly Arm[] = ['champion', 'challenger'];

/**
 * The alarms of one model: each objective for the model as a whole and for each arm, and an alarm of its
 * own for silence, because a window without data is neither good nor bad.
 */
export class ObjectiveAlarms extends Construct {
  /** In the order of the objectives; of the model as a whole. */
  readonly missed: readonly Alarm[];
  readonly silent: readonly Alarm[];
  readonly ofArms: readonly Alarm[];
  readonly #props: ObjectiveAlarmsProps;

  constructor(scope: Construct, id: string, props: ObjectiveAlarmsProps) {
    super(scope, id);
    this.#props = props;
    const { objectives } = props.spec.monitoring;
    this.missed = objectives.map((objective) => this.#missed(objective, 'model'));
    this.ofArms = objectives
      .filter(({ metric }) => isKnownByArm(metric as MetricId))
      .flatMap((objective) => ARMS.map((arm) => this.#missed(objective, arm)));
    this.silent = objectives.map((objective) => this.#silent(objective));
  }

  #missed(objective: Objective, subject: Exclude<AlarmSubject, 'silent'>): Alarm {
    const { spec, metrics } = this.#props;
    const { metric, comparison, threshold, periods, minimumLabels } = objective;
    const value = metrics.value(metric as MetricId, {
      period: CADENCE_PERIODS[spec.monitoring.cadence],
      minimumEvidence: minimumLabels,
      ...(subject !== 'model' && { arm: subject }),
    });
    return this.#alarm(objective, subject, {
      metric: value,
      alarmDescription: `${metric} of ${describe(spec, subject)} must be ${comparison.replace('-', ' ')} ${threshold}. Owner: ${spec.owner}.`,
      threshold,
      comparisonOperator:
        comparison === 'at-most'
          ? ComparisonOperator.GREATER_THAN_THRESHOLD
          : ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: periods.of,
      datapointsToAlarm: periods.missed,
      treatMissingData: TreatMissingData.MISSING,
    });
  }

  #silent(objective: Objective): Alarm {
    const { spec, metrics } = this.#props;
    const { metric, silenceMinutes } = objective;
    const { period, periods } = silenceWindow(silenceMinutes);
    return this.#alarm(objective, 'silent', {
      metric: metrics.evidence(metric as MetricId, { period }),
      alarmDescription: `Nothing to measure ${metric} of ${spec.name} by came for ${silenceMinutes} minutes. Owner: ${spec.owner}.`,
      threshold: 1,
      comparisonOperator: ComparisonOperator.LESS_THAN_THRESHOLD,
      evaluationPeriods: periods,
      datapointsToAlarm: periods,
      treatMissingData: TreatMissingData.BREACHING,
    });
  }

  #alarm(
    { metric, severity }: Objective,
    subject: AlarmSubject,
    props: ConstructorParameters<typeof Alarm>[2],
  ): Alarm {
    const { spec, stage } = this.#props;
    const alarm = new Alarm(this, `${metric}-${subject}`, {
      ...props,
      alarmName: objectiveAlarmName(stage, spec.name, metric, subject),
    });
    Tags.of(alarm).add('slipway:severity', severity);
    Tags.of(alarm).add('slipway:model', spec.name);
    return alarm;
  }
}

const describe = ({ name }: ModelSpec, subject: Exclude<AlarmSubject, 'silent'>): string =>
  subject === 'model' ? name : `the ${subject} of ${name}`;

/**
 * Periods that add up to a silence, rounded up. CloudWatch watches a day at most in periods below an hour,
 * and seven days in hours.
 */
export function silenceWindow(minutes: number): { period: Duration; periods: number } {
  const unit = [1, 5, 60].find((each) => minutes <= each * LONGEST_PERIODS[each as 1 | 5 | 60]);
  if (unit === undefined)
    throw new Error(`silenceMinutes ${minutes} is more than the 7 days CloudWatch looks back`);
  return { period: Duration.minutes(unit), periods: Math.ceil(minutes / unit) };
}

const LONGEST_PERIODS = { 1: 60, 5: 288, 60: 168 } as const;
