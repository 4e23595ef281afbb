import type { WatchedStep } from '../contracts/promotion-pace.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import { alarmEvidence, isOver, type LookSources, Reading, type Subject } from './evidence.ts';
import { addUpPlace } from './frozen-hours.ts';
import type { Found } from './look.ts';
import { shadowPlan, shadowVerdict } from './shadow-rule.ts';
import { mergeShadows, ShadowCounts, type ShadowTotals, summarize } from './shadow-totals.ts';

type ShadowStep = Extract<WatchedStep, { kind: 'shadow' }>;

export interface ShadowSources {
  /**
   * Comparisons of a promotion's shadow in one hour, each once and in no order.
   * @param take is given one after another: an hour of a busy model does not fit in memory.
   */
  comparisons(
    promotion: string,
    hour: string,
    take: (predictionId: string, comparison: ShadowComparison) => void,
  ): Promise<void>;
}

/** Looks at what a shadow has answered since its place was opened. */
export async function judgeShadow(
  step: ShadowStep,
  subject: Subject,
  sources: Pick<LookSources, 'alarms' | 'frozen'> & ShadowSources,
): Promise<Found> {
  const { promotion } = subject;
  const reading = new Reading();
  const totals = await reading.try(
    'comparisons',
    () => countComparisons(subject, sources),
    mergeShadows([]),
  );
  const shadow = summarize(totals);
  const evidence = { ...(await alarmEvidence(subject, sources, reading)), shadow };
  const plan = shadowPlan(step);
  const judged = { ...shadowVerdict(plan.shadow, evidence), hasSucceeded: false };
  const isLast = isOver(evidence, plan.maximumDays, step, promotion);
  const verdict = evidence.data === 'failed' && isLast ? 'INCONCLUSIVE' : judged.verdict;
  return { plan, evidence, judged, verdict, reason: judged.reason };
}

function countComparisons(
  subject: Subject,
  sources: Pick<LookSources, 'frozen'> & ShadowSources,
): Promise<ShadowTotals> {
  const ofHour = async (hour: string): Promise<ShadowTotals> => {
    const counts = new ShadowCounts();
    await sources.comparisons(subject.promotion.id, hour, (id, comparison) =>
      counts.take(id, comparison),
    );
    return counts.totals;
  };
  // One hour after another: each reads all its partitions at once.
  return addUpPlace({ kind: 'shadow', atOnce: 1, ofHour, addUp: mergeShadows }, subject, sources);
}
