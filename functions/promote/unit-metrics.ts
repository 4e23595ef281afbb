import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  type Components,
  METRIC_DEFINITIONS,
  type MetricId,
  QUALITY_COMPONENTS,
} from '../contracts/quality-metric.ts';
import { hidesOutcomes } from '../contracts/task.ts';

/** What a row of an enrolled request tells of its unit; quality only once the row is scored. */
export interface UnitRow {
  readonly requests: number;
  readonly latencyMs: number;
  readonly failed: number;
  readonly fellBack: number;
  readonly components?: Components;
  /** Chance that the scored row's outcome was seen; absent where it was certain. */
  readonly propensity?: number;
}

/** How a metric is taken per unit, who is what was assigned: a sum over a sum. */
export interface UnitMetric {
  readonly metric: string;
  /** Undefined where the row says nothing of the metric. */
  readonly termsOf: (row: UnitRow) => { readonly top: number; readonly bottom: number } | undefined;
  /** Whether `top` counts events among `bottom`: then events must be many, not only units. */
  readonly isShare: boolean;
  /** Whether rows stand for others that were declined unseen: then those that do must be many. */
  readonly isWeighted: boolean;
  readonly direction: 1 | -1;
  /** What a relative margin on the metric is on top / bottom. */
  readonly marginOf: (margin: number) => number;
}

const same = (margin: number): number => margin;
/** The metric is a root, the quotient its square: (1 + m)² − 1. */
const ofSquare = (margin: number): number => (1 + margin) ** 2 - 1;

/** Too rare for means: the exact test of rare events judges them from the first request on. */
export const isRareEvent = (metric: string): boolean =>
  metric === 'errorShare' || metric === 'fallbackShare';

/**
 * A metric as it is judged between arms. Where declining hides outcomes, a row whose outcome was seen by lot
 * stands for 1 / chance rows: the sums of an arm are unbiased (Horvitz and Thompson 1952), and their quotient
 * is Hájek's.
 * @throws for metrics that are no mean over units: those are gated offline.
 */
export function unitMetric(metric: string, spec: ModelSpec): UnitMetric {
  const definition = METRIC_DEFINITIONS[metric as MetricId];
  if (definition.better === 'target' || definition.kind === 'windowed')
    throw new Error(`${metric} is no quotient of sums that is better the higher or the lower`);
  const direction = definition.better === 'higher' ? 1 : -1;
  if (definition.kind === 'ratio') {
    const { numerator, denominator, root } = definition;
    return {
      metric,
      direction,
      isShare: QUALITY_COMPONENTS[numerator].unit === 'Count',
      isWeighted: hidesOutcomes(spec.task),
      marginOf: root === 'squareRoot' ? ofSquare : same,
      termsOf: ({ components, propensity = 1 }) =>
        components && {
          top: (components[numerator] ?? 0) / propensity,
          bottom: denominator.reduce((sum, each) => sum + (components[each] ?? 0), 0) / propensity,
        },
    };
  }
  if (definition.kind !== 'latency')
    throw new Error(`${metric} is no mean over units; it can be a guardrail, not what is tested`);
  const eventsOf = slowAbove(metric, spec);
  return {
    metric,
    direction,
    isShare: true,
    isWeighted: false,
    marginOf: same,
    termsOf: (row) => (row.requests > 0 ? { top: eventsOf(row), bottom: row.requests } : undefined),
  };
}

/** A percentile has no variance that adds up, so the share of requests above the objective is judged. */
function slowAbove(metric: string, { monitoring }: ModelSpec): (row: UnitRow) => number {
  const limitMs = monitoring.objectives.find((objective) => objective.metric === metric)?.threshold;
  if (limitMs === undefined)
    throw new Error(
      `${metric} is judged between arms by the share of requests above its objective: add one`,
    );
  return ({ latencyMs, requests }) => (latencyMs > limitMs ? requests : 0);
}
