import type { ModelSpec } from '../contracts/model-spec.ts';
import { COHORT_HOURS } from '../contracts/promotion-pace.ts';
import { METRIC_DEFINITIONS, type MetricId } from '../contracts/quality-metric.ts';
import { hidesOutcomes } from '../contracts/task.ts';
import { unitsForDifference, unitsForMargin } from '../measures/sample-size.ts';
import { ERROR_BUDGET } from './test-plan.ts';

/** What recorded requests of one day say of a metric: a value a unit, over the units of that day. */
export interface Traffic {
  readonly unitsPerDay: number;
  /** Of these, who had not come the day before: whoever returns is exposed once. */
  readonly newUnitsPerDay: number;
  /** Whether there were more requests than were read, so that more units come than are known. */
  readonly isSampled: boolean;
  /** By metric of the plan: mean and variance over units, absent where nothing was scored. */
  readonly metrics: Readonly<
    Record<string, { readonly mean: number; readonly variance: number } | undefined>
  >;
}

export type Forecast =
  | { readonly kind: 'in-time'; readonly units: number; readonly days: number }
  | {
      readonly kind: 'too-slow';
      readonly units: number;
      /** Who would be enrolled. */
      readonly newUnitsPerDay: number;
      /** Infinite where nobody new comes. */
      readonly days: number;
      readonly maximumDays: number;
    }
  | { readonly kind: 'unknown'; readonly reason: string };

/** Chance to find an effect that is there. */
const POWER = 0.8;

/**
 * Units of both arms that the plan needs: for the effect worth finding, and for every guardrail to pass,
 * whichever is more. Undefined where a metric of the plan has no known spread.
 */
export function unitsNeeded(
  spec: ModelSpec,
  traffic: Pick<Traffic, 'metrics'>,
): number | undefined {
  const step = spec.promotion.steps.find(({ kind }) => kind === 'ab');
  if (step?.kind !== 'ab') return undefined;
  const primary = traffic.metrics[step.metric];
  if (!primary || primary.variance === 0 || primary.mean === 0) return undefined;
  const { variance, mean } = primary;
  const perArm = unitsForDifference({
    alpha: ERROR_BUDGET.successAtTheEnd,
    power: POWER,
    variances: [variance, variance],
    difference: Math.abs(mean) * step.minimumDetectableEffect,
  });
  const forGuardrails = step.guardrails
    .filter(
      ({ metric, margin }) => margin > 0 && METRIC_DEFINITIONS[metric as MetricId].kind === 'ratio',
    )
    .flatMap(({ metric, margin }) => {
      const spread = traffic.metrics[metric];
      if (!spread || spread.mean === 0) return [];
      const guardrails = step.guardrails.length;
      return [
        unitsForMargin({
          ...spread,
          margin,
          guardrails,
          alpha: ERROR_BUDGET.successAtTheEnd,
          power: POWER,
        }),
      ];
    });
  return 2 * Math.max(perArm, ...forGuardrails);
}

/** Whether the traffic gives the units in the days that the plan allows; undefined without an A/B step. */
export function forecastOf(spec: ModelSpec, traffic: Traffic | undefined): Forecast | undefined {
  const step = spec.promotion.steps.find(({ kind }) => kind === 'ab');
  if (step?.kind !== 'ab') return undefined;
  if (!traffic || traffic.unitsPerDay === 0)
    return { kind: 'unknown', reason: 'no units were recorded in the last day' };
  // The rows that are seen today vary less than those that will stand for others.
  if (hidesOutcomes(spec.task) && METRIC_DEFINITIONS[step.metric as MetricId].kind === 'ratio')
    return {
      kind: 'unknown',
      reason: `how ${step.metric} varies is not seen before declined rows are accepted at random`,
    };
  const units = unitsNeeded(spec, traffic);
  if (units === undefined)
    return { kind: 'unknown', reason: `no matured outcomes tell how ${step.metric} varies` };
  const share = step.exposurePercent / 100;
  const matureDays = (COHORT_HOURS + spec.monitoring.outcomes.maturityHours) / 24;
  const days = Math.max(daysUntil(units / share, traffic) + matureDays, step.minimumDays);
  const { maximumDays } = step;
  if (days <= maximumDays) return { kind: 'in-time', units, days };
  if (traffic.isSampled)
    return {
      kind: 'unknown',
      reason: `more requests come than are read here, and ${traffic.unitsPerDay} units a day, of which ${traffic.newUnitsPerDay} are new, would not do`,
    };
  const newUnitsPerDay = traffic.newUnitsPerDay * share;
  return { kind: 'too-slow', units, newUnitsPerDay, days, maximumDays };
}

/** Days until so many units have come: all of the first day, and then only who had not come before. */
const daysUntil = (units: number, { unitsPerDay, newUnitsPerDay }: Traffic): number =>
  units <= unitsPerDay ? units / unitsPerDay : 1 + (units - unitsPerDay) / newUnitsPerDay;
