import type { WatchedStep } from '../contracts/promotion-pace.ts';
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
import type { Found, ShadowSummary } from './look.ts';
import { shadowPlan, shadowVerdict } from './shadow-rule.ts';

type ShadowStep = Extract<WatchedStep, { kind: 'shadow' }>;

export interface ShadowSources {
  /** Comparisons of a promotion's shadow in one hour. */
  comparisons(promotion: string, hour: string): Promise<readonly ShadowComparison[]>;
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

/** Looks at what a shadow has answered since its place was opened. */
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
  const evidence = { ...(await alarmEvidence(subject, sources, reading)), shadow };
  const plan = shadowPlan(step);
  const judged = { ...shadowVerdict(plan.shadow, evidence), hasSucceeded: false };
  const isLast = isOver(evidence, plan.maximumDays, step, promotion);
  const verdict = evidence.data === 'failed' && isLast ? 'INCONCLUSIVE' : judged.verdict;
  return { plan, evidence, judged, verdict, reason: judged.reason };
}
