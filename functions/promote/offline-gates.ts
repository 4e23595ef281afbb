import { createHash } from 'node:crypto';
import type { DatasetEvaluation } from '../contracts/dataset-evaluation.ts';
import type { StepResult } from '../contracts/promotion.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import { METRIC_DEFINITIONS, type MetricId } from '../contracts/quality-metric.ts';
import { averagePrecision } from '../measures/classification-metrics.ts';
import { type Interval, pairedBootstrap } from '../measures/paired-bootstrap.ts';
import { SMALLEST_SAMPLE } from './test-plan.ts';

type OfflineStep = Extract<PromotionPlan['steps'][number], { kind: 'evaluate-offline' }>;
type Gate = OfflineStep['gates'][number];

/** Components a unit, by name; units in one order for all versions judged on a dataset. */
export type UnitColumns = Readonly<Record<string, ArrayLike<number>>>;

/** A version as it was judged. */
export interface Judged {
  readonly evaluation: DatasetEvaluation;
  readonly units: UnitColumns;
}

export interface GateResult {
  readonly gate: Gate;
  readonly challenger: number | undefined;
  readonly champion?: number;
  /** Of challenger minus champion, in the metric's unit. */
  readonly interval?: Interval;
  readonly passed: boolean;
  readonly reason: string;
}

/** What is asked, written down before the run: a gate that was changed after it has another digest. */
export const digestOfGates = (gates: readonly Gate[]): string =>
  createHash('sha256').update(JSON.stringify(gates)).digest('hex');

/** Judges a challenger by the gates of its plan. @throws for results on two datasets. */
export function judgeGates(
  { gates }: Pick<OfflineStep, 'gates'>,
  champion: Judged,
  challenger: Judged,
): GateResult[] {
  if (champion.evaluation.dataset !== challenger.evaluation.dataset)
    throw new Error('the versions were judged on two datasets, which are never compared');
  return gates.map((gate) =>
    gate.against === 'number'
      ? againstNumber(gate, challenger)
      : gateAgainstChampion(
          gate,
          { value: champion.evaluation.metrics[gate.metric], units: champion.units },
          { value: challenger.evaluation.metrics[gate.metric], units: challenger.units },
        ),
  );
}

function againstNumber(
  gate: Extract<Gate, { against: 'number' }>,
  { evaluation }: Judged,
): GateResult {
  const { metric, comparison, threshold } = gate;
  const value = evaluation.metrics[metric];
  if (value === undefined) return undefinedMetric(gate, value, undefined);
  const passed = comparison === 'at-most' ? value <= threshold : value >= threshold;
  const asked = `${comparison.replace('-', ' ')} ${threshold}`;
  return {
    gate,
    challenger: value,
    passed,
    reason: `${metric} is ${round(value)}, ${passed ? 'as asked' : 'and must be'} ${asked}`,
  };
}

const undefinedMetric = (
  gate: Gate,
  challenger: number | undefined,
  champion: number | undefined,
): GateResult => ({
  gate,
  challenger,
  ...(champion !== undefined && { champion }),
  passed: false,
  reason: `${gate.metric} is not defined on these rows: nothing was shown`,
});

const tooFewUnits = (
  gate: Gate,
  challenger: number,
  champion: number,
  units: number,
): GateResult => ({
  gate,
  challenger,
  champion,
  passed: false,
  reason: `${gate.metric} was compared on ${units} units, and fewer than ${SMALLEST_SAMPLE} show nothing: evaluate on more rows`,
});

/** A metric's value with what each unit adds to it. */
interface Valued {
  readonly value: number | undefined;
  readonly units: UnitColumns;
}

/**
 * A challenger fails that is shown to be worse by more than the margin: when the whole interval of the
 * paired difference lies beyond it.
 */
export function gateAgainstChampion(
  gate: Extract<Gate, { against: 'champion' }>,
  champion: Valued,
  challenger: Valued,
): GateResult {
  const { metric, margin } = gate;
  const [own, base] = [challenger.value, champion.value];
  if (own === undefined || base === undefined) return undefinedMetric(gate, own, base);
  const units = Object.values(champion.units)[0]?.length ?? 0;
  if (units < SMALLEST_SAMPLE) return tooFewUnits(gate, own, base, units);
  const interval = differenceInterval(metric as MetricId, units, champion.units, challenger.units);
  if (!interval) return undefinedMetric(gate, own, base);
  const direction = METRIC_DEFINITIONS[metric as MetricId].better === 'lower' ? -1 : 1;
  const best = direction === 1 ? interval.high : -interval.low;
  const passed = best >= -margin * Math.abs(base);
  const change = `${metric} goes from ${round(base)} to ${round(own)} (difference ${round(interval.low)} to ${round(interval.high)})`;
  return {
    gate,
    challenger: own,
    champion: base,
    interval,
    passed,
    reason: passed ? change : `${change}: worse by more than ${margin * 100} %`,
  };
}

const round = (value: number): number => Number(value.toPrecision(4));

function differenceInterval(
  metric: MetricId,
  units: number,
  champion: UnitColumns,
  challenger: UnitColumns,
): Interval | undefined {
  return pairedBootstrap(units, (weights) => {
    const base = weightedMetric(metric, champion, weights);
    const own = weightedMetric(metric, challenger, weights);
    return base === undefined || own === undefined ? undefined : own - base;
  });
}

function weightedMetric(
  metric: MetricId,
  columns: UnitColumns,
  weights: Int32Array,
): number | undefined {
  const definition = METRIC_DEFINITIONS[metric];
  if (definition.kind === 'windowed') {
    const { observed: labels, expected: scores } = columns;
    return labels && scores ? averagePrecision({ labels, scores, weights }) : undefined;
  }
  if (definition.kind !== 'ratio') return undefined;
  const sum = (name: string): number => {
    const column = columns[name];
    let total = 0;
    if (column)
      for (let at = 0; at < weights.length; at++) total += (weights[at] ?? 0) * (column[at] ?? 0);
    return total;
  };
  const divisor = definition.denominator.reduce((total, name) => total + sum(name), 0);
  if (divisor === 0) return undefined;
  const quotient = ((definition.scale ?? 1) * sum(definition.numerator)) / divisor;
  return definition.root === 'squareRoot' ? Math.sqrt(quotient) : quotient;
}

/** All gates in one word for the machine, with the reason of the first that failed. */
export function concludeGates(results: readonly GateResult[]): StepResult {
  const failed = results.find(({ passed }) => !passed);
  if (failed) return { verdict: 'FAIL', reason: failed.reason };
  return { verdict: 'PASS', reason: results.map(({ reason }) => reason).join('; ') };
}
