import { SHADOW_PATIENCE, type WatchedStep } from '../contracts/promotion-pace.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import {
  binCounts,
  populationStability,
  quantileEdges,
  smoothedShares,
} from '../measures/drift.ts';
import { linearQuantile } from '../measures/regression-metrics.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { hoursBetween } from './cohorts.ts';
import { alarmEvidence, isOver, type LookSources, Reading, type Subject } from './evidence.ts';
import type { Found } from './look.ts';

type ShadowStep = Extract<WatchedStep, { kind: 'shadow' }>;

export interface ShadowSources {
  /** Comparisons of a promotion's shadow in one hour. */
  comparisons(promotion: string, hour: string): Promise<readonly ShadowComparison[]>;
}

/** What a shadow showed before any user saw the version. */
export interface ShadowSummary {
  readonly requests: number;
  readonly failed: number;
  /** Of rows; absent without any. */
  readonly agreement?: number;
  readonly flipped: number;
  /** PSI of the challenger's scores against the champion's, over bins of equal mass. */
  readonly scoreStability?: number;
  readonly p50Ms?: number;
  readonly p99Ms?: number;
  /** `slice=value` → agreement, largest slices first. */
  readonly segments: Readonly<
    Record<string, { readonly rows: number; readonly agreement: number }>
  >;
}

const SCORE_BINS = 10;
const SEGMENTS_SHOWN = 20;

const shareOf = (part: number, whole: number): number | undefined =>
  whole > 0 ? part / whole : undefined;

export function summarize(comparisons: readonly ShadowComparison[]): ShadowSummary {
  const sum = (of: (comparison: ShadowComparison) => number): number =>
    comparisons.reduce((total, each) => total + of(each), 0);
  const rows = sum((each) => each.rows);
  const times = comparisons.filter(({ failed }) => !failed).map(({ latencyMs }) => latencyMs);
  const agreement = shareOf(
    sum((each) => each.agreed),
    rows,
  );
  const scoreStability = stabilityOf(comparisons.flatMap(({ scores }) => scores));
  const [p50Ms, p99Ms] = [linearQuantile(times, 0.5), linearQuantile(times, 0.99)];
  return {
    requests: comparisons.length,
    failed: comparisons.filter(({ failed }) => failed).length,
    ...(agreement !== undefined && { agreement }),
    flipped: sum((each) => each.flipped),
    ...(scoreStability !== undefined && { scoreStability }),
    ...(p50Ms !== undefined && { p50Ms }),
    ...(p99Ms !== undefined && { p99Ms }),
    segments: segmentsOf(comparisons),
  };
}

function stabilityOf(scores: readonly (readonly [number, number])[]): number | undefined {
  if (scores.length === 0) return undefined;
  const champion = scores.map(([score]) => score);
  const challenger = scores.map(([, score]) => score);
  const edges = quantileEdges(champion, SCORE_BINS);
  return populationStability(
    smoothedShares(binCounts(edges, champion)),
    smoothedShares(binCounts(edges, challenger)),
  );
}

function segmentsOf(comparisons: readonly ShadowComparison[]): ShadowSummary['segments'] {
  const totals = new Map<string, { rows: number; agreed: number }>();
  for (const { segments, rows, agreed } of comparisons)
    for (const [slice, value] of Object.entries(segments)) {
      const name = `${slice}=${value}`;
      const total = totals.get(name) ?? { rows: 0, agreed: 0 };
      totals.set(name, { rows: total.rows + rows, agreed: total.agreed + agreed });
    }
  const largest = [...totals]
    .toSorted(([, one], [, other]) => other.rows - one.rows)
    .slice(0, SEGMENTS_SHOWN);
  return Object.fromEntries(
    largest.map(([name, { rows, agreed }]) => [name, { rows, agreement: agreed / rows }]),
  );
}

/**
 * Whether the shadow may go on to users: enough requests, no failures worth the name, and decisions that
 * are alike. Too few requests hold; they pass nothing.
 */
export async function judgeShadow(
  step: ShadowStep,
  subject: Subject,
  sources: Pick<LookSources, 'alarms'> & ShadowSources,
): Promise<Found> {
  const { promotion, nowMs } = subject;
  const reading = new Reading();
  const comparisons: ShadowComparison[] = [];
  for (const hour of hoursBetween(epochMsOf(promotion.placeSince), nowMs))
    for (const comparison of await reading.try(
      'comparisons',
      () => sources.comparisons(promotion.id, hour),
      [],
    ))
      comparisons.push(comparison);
  const shadow = summarize(comparisons);
  const evidence = { ...(await alarmEvidence(subject, sources, reading)), shadow: { ...shadow } };
  const plan = {
    metric: 'agreement',
    direction: 1 as const,
    guardrails: [],
    plannedUnits: step.minimumRequests,
    minimumDays: step.hours / 24,
    maximumDays: (step.hours * SHADOW_PATIENCE) / 24,
  };
  const { verdict, reason } =
    evidence.data === 'failed'
      ? duringOutage(evidence.failure, isOver(evidence, plan.maximumDays, step, promotion))
      : verdictOn(step, shadow, evidence.days * 24);
  const judged = { verdict, rule: 'shadow', reason, hasSucceeded: false };
  return { plan, evidence, judged, verdict, reason };
}

const duringOutage = (failure = 'unknown', isLast: boolean): Pick<Found, 'verdict' | 'reason'> => ({
  verdict: isLast ? 'INCONCLUSIVE' : 'HOLD',
  reason: `what is measured could not be read: ${failure}`,
});

/** A challenger that fails at more than this share of requests is broken, not unlucky. */
const FAILING_SHARE = 0.01;
/** Failures before a share of them means anything. */
const FEWEST_REQUESTS = 100;

export function verdictOn(
  step: Pick<ShadowStep, 'hours' | 'minimumRequests' | 'agreement'>,
  { requests, failed, agreement }: ShadowSummary,
  hours: number,
): Pick<Found, 'verdict' | 'reason'> {
  if (requests >= FEWEST_REQUESTS && failed > FAILING_SHARE * requests)
    return { verdict: 'FAIL', reason: `it failed at ${failed} of ${requests} recorded requests` };
  if (hours < step.hours) return { verdict: 'CONTINUE', reason: 'it has not lasted long enough' };
  if (requests < step.minimumRequests || agreement === undefined)
    return hours >= step.hours * SHADOW_PATIENCE
      ? {
          verdict: 'INCONCLUSIVE',
          reason: `${requests} requests came in ${Math.round(hours)} hours, ${step.minimumRequests} are needed`,
        }
      : { verdict: 'HOLD', reason: `${requests} of ${step.minimumRequests} requests so far` };
  const percent = (agreement * 100).toFixed(1);
  return agreement >= step.agreement
    ? { verdict: 'PASS', reason: `both decide alike in ${percent} % of ${requests} requests` }
    : {
        verdict: 'FAIL',
        reason: `both decide alike in ${percent} % of ${requests} requests; ${step.agreement * 100} % are asked for`,
      };
}
