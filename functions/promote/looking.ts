import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Promotion, StepResult } from '../contracts/promotion.ts';
import { isWatched, lastsSeconds, type WatchedStep } from '../contracts/promotion-pace.ts';
import type { Route } from '../contracts/route.ts';
import { ratioOfUnits } from '../measures/arm-effect.ts';
import { momentsOf } from '../measures/unit-sums.ts';
import {
  alarmEvidence,
  cohortEvidence,
  isOver,
  type LookSources,
  pilotEvidence,
  Reading,
  type Subject,
} from './evidence.ts';
import { renewLease } from './exposure.ts';
import { unitsNeeded } from './forecast.ts';
import { shiftOfEntry } from './ground.ts';
import type { Found, Look, LookEvidence, MetricSums } from './look.ts';
import {
  FEWEST_EVENTS,
  guardrailMetrics,
  judgeLook,
  measuredBy,
  testPlanOf,
  unjudgedGuardrails,
} from './look-judgement.ts';
import { judgedEvent, type PromotionContext, specOf, stepOf } from './promotion-context.ts';
import { countLatest } from './request-counts.ts';
import { judgeShadow, type ShadowSources } from './shadow-judgement.ts';
import { abandon } from './step-machinery.ts';
import { SMALLEST_SAMPLE, type TestPlan, watchPlan } from './test-plan.ts';

export type Lookers = PromotionContext & LookSources & ShadowSources;

/**
 * Looks at a promotion where it stands, keeps what was seen, and renews the lease: a promotion that nobody
 * looks at any more exposes nobody. One that the route names no longer, by somebody's change of it, is aborted.
 */
export async function look(
  promotion: Promotion,
  route: Route,
  lookers: Lookers,
): Promise<StepResult> {
  const { clock } = lookers;
  const spec = specOf(lookers, promotion.model);
  const step = stepOf(spec, promotion);
  if (!isWatched(step)) throw new Error(`nothing is looked at in ${step.kind}`);
  const shift = step.kind === 'bake' ? undefined : shiftOfEntry(promotion, route);
  // Nothing would put it back, and all later looks would see nothing.
  if (shift !== undefined) return abandon(promotion, shift, lookers);
  const subject: Subject = { promotion, spec, nowMs: clock.nowMs() };
  const found = await lookAt(step, subject, lookers);
  const at = clock.now();
  const { id, model, place } = promotion;
  const plan = { ...found.plan, guardrails: [...found.plan.guardrails] };
  const kept = { promotion: id, model, at, place, ...found, plan };
  // That it goes on is no news.
  const news = found.verdict === 'CONTINUE' ? [] : [judgedEvent(promotion, found, lookers)];
  await lookers.promotions.keepLook(kept, news);
  const isLeased = await renewLease(promotion, route, lookers);
  // Whoever changed the route meanwhile is met at the next look, which reads it anew.
  if (!isLeased && found.verdict === 'PASS')
    return { verdict: 'HOLD', reason: 'the route changed' };
  return { verdict: found.verdict, reason: found.reason };
}

function lookAt(step: WatchedStep, subject: Subject, lookers: Lookers): Promise<Found> {
  switch (step.kind) {
    case 'shadow':
      return judgeShadow(step, subject, lookers);
    case 'pilot':
      return lookAtPilot(step, subject, lookers);
    case 'ab':
      return lookAtTest(step, subject, lookers);
    case 'bake':
      return lookAtBake(step, subject, lookers);
  }
}

/** Whether an A/B test after a step judges a metric, with a sample planned for it. */
const isTestedLater = (metric: string, spec: ModelSpec, at: number): boolean =>
  spec.promotion.steps
    .slice(at + 1)
    .some(
      (step) =>
        step.kind === 'ab' &&
        [step.metric, ...step.guardrails.map((each) => each.metric)].includes(metric),
    );

/** What the last rung must wait for: nothing later would miss what it has not seen. */
const unseen = (
  { ramp }: Extract<WatchedStep, { kind: 'pilot' }>,
  plan: TestPlan,
  evidence: LookEvidence,
  { promotion: { place }, spec }: Subject,
): string[] =>
  (place.rung ?? 0) < ramp.length - 1
    ? []
    : unjudgedGuardrails(plan, evidence).filter(
        (metric) => !isTestedLater(metric, spec, place.step),
      );

/**
 * The clock ends a pilot that nothing speaks against, but not one in which nothing was asked, nor one whose
 * guardrails nobody has judged and nobody will.
 */
async function lookAtPilot(
  step: Extract<WatchedStep, { kind: 'pilot' }>,
  subject: Subject,
  lookers: Lookers,
): Promise<Found> {
  const { promotion, spec } = subject;
  const { measured, guardrails } = guardrailMetrics(step, spec);
  const evidence = await pilotEvidence(subject, measured, lookers);
  const { rung = 0 } = promotion.place;
  const bakeDays = (step.ramp[rung]?.bakeMinutes ?? 0) / 1440;
  const plan = watchPlan(guardrails, lastsSeconds(step, promotion.place) / 86_400);
  const judged = judgeLook(plan, evidence);
  const missing =
    (await missingRequests(evidence, bakeDays, subject, lookers)) ??
    tooFewUnits(unseen(step, plan, evidence, subject));
  return byTheClock({
    plan,
    evidence,
    judged,
    isLongEnough: evidence.days >= bakeDays,
    missing,
    isLast: isOver(evidence, plan.maximumDays, step, promotion),
  });
}

async function lookAtBake(
  step: Extract<WatchedStep, { kind: 'bake' }>,
  subject: Subject,
  lookers: Lookers,
): Promise<Found> {
  const evidence = await alarmEvidence(subject, lookers);
  const plan = watchPlan([], step.hours / 24);
  const judged = judgeLook(plan, evidence);
  const isLongEnough = evidence.days >= plan.maximumDays;
  const isLast = isOver(evidence, plan.maximumDays, step, subject.promotion);
  return byTheClock({ plan, evidence, judged, isLongEnough, missing: undefined, isLast });
}

/** Requests come by day and by night, but a quarter of a rung without any is an outage somewhere. */
const LATELY = { shareOfRung: 1 / 4, leastHours: 2, mostHours: 24 };

/** What speaks against passing a rung by the clock: nobody was seen, or it cannot be told whether. */
async function missingRequests(
  { requests }: LookEvidence,
  bakeDays: number,
  subject: Subject,
  sources: LookSources,
): Promise<string | undefined> {
  if ((requests?.challenger ?? 0) === 0) return 'nobody asked the challenger anything';
  const { shareOfRung, leastHours, mostHours } = LATELY;
  const hours = Math.min(Math.max(bakeDays * 24 * shareOfRung, leastHours), mostHours);
  const reading = new Reading();
  const lately = await reading.try('requests', () => countLatest(hours, subject, sources), 0);
  const { failure } = reading.found('complete');
  if (failure !== undefined) return `what is measured could not be read: ${failure}`;
  return lately === 0 ? 'no request of either arm has been recorded lately' : undefined;
}

const tooFewUnits = (metrics: readonly string[]): string | undefined =>
  metrics.length > 0
    ? `too few units tell of ${metrics.join(', ')}, and no A/B test follows that would`
    : undefined;

/** Harm and ill health as the rule has it; else the clock decides. */
function byTheClock({
  plan,
  evidence,
  judged,
  isLongEnough,
  missing,
  isLast,
}: Pick<Found, 'plan' | 'evidence'> & {
  readonly judged: ReturnType<typeof judgeLook>;
  readonly isLongEnough: boolean;
  /** What has not been seen and must be. */
  readonly missing: string | undefined;
  readonly isLast: boolean;
}): Found {
  const kept = { plan, evidence, judged: keptOf(judged) };
  if (judged.verdict === 'ROLLBACK') return { ...kept, verdict: 'ROLLBACK', reason: judged.reason };
  if (judged.verdict === 'HOLD')
    return { ...kept, verdict: isLast ? 'INCONCLUSIVE' : 'HOLD', reason: judged.reason };
  if (!isLongEnough)
    return { ...kept, verdict: 'CONTINUE', reason: 'it has not lasted long enough' };
  if (missing === undefined)
    return { ...kept, verdict: 'PASS', reason: 'nothing spoke against it' };
  return { ...kept, verdict: isLast ? 'INCONCLUSIVE' : 'HOLD', reason: missing };
}

const keptOf = ({
  verdict,
  rule,
  reason,
  hasSucceeded,
}: ReturnType<typeof judgeLook>): Look['judged'] => ({ verdict, rule, reason, hasSucceeded });

async function lookAtTest(
  step: Extract<WatchedStep, { kind: 'ab' }>,
  subject: Subject,
  lookers: Lookers,
): Promise<Found> {
  const { promotion, spec } = subject;
  const measured = measuredBy(step, spec);
  const before = await lookers.promotions.lastLook(promotion.model, promotion.id);
  const hasSucceeded = before?.place.step === promotion.place.step && before.judged.hasSucceeded;
  const evidence = await cohortEvidence(subject, measured, hasSucceeded, lookers);
  const plannedUnits = promotion.plannedUnits ?? (await planUnits(subject, evidence, lookers));
  const plan = testPlanOf(step, spec, plannedUnits);
  const judged = judgeLook(plan, evidence);
  const kept = { plan, evidence, judged: keptOf(judged), reason: judged.reason };
  const isLast = isOver(evidence, step.maximumDays, step, promotion);
  if (judged.verdict === 'HOLD') return { ...kept, verdict: isLast ? 'INCONCLUSIVE' : 'HOLD' };
  return { ...kept, verdict: judged.verdict === 'PROMOTE' ? 'PASS' : judged.verdict };
}

/** Before enough units have matured no size can be planned; nothing is judged by it then either. */
const UNPLANNED_UNITS = 1_000_000;

/** The sample is planned from the champion's own units, once, at the first look that has any. */
async function planUnits(
  { promotion, spec }: Subject,
  { metrics }: LookEvidence,
  { promotions }: PromotionContext,
): Promise<number> {
  const spreads = Object.fromEntries(metrics.map((sums) => [sums.metric, spreadOf(sums)]));
  const plannedUnits = unitsNeeded(spec, { metrics: spreads });
  if (plannedUnits === undefined) return UNPLANNED_UNITS;
  await promotions.change(promotion, { plannedUnits });
  return plannedUnits;
}

/** Mean and variance of one unit of the champion; a ratio's by its linearization. */
function spreadOf({
  kind,
  arms: { champion },
  acceptedUnits,
}: MetricSums): { mean: number; variance: number } | undefined {
  // The plan is kept: a handful of units must not fix it.
  if (champion.n < SMALLEST_SAMPLE) return undefined;
  if (acceptedUnits && acceptedUnits.champion < FEWEST_EVENTS) return undefined;
  if (kind === 'mean') {
    const moments = momentsOf(champion);
    return moments && { mean: moments.meanY, variance: moments.varY };
  }
  const ratio = ratioOfUnits(champion);
  return ratio && { mean: ratio.value, variance: ratio.variance * ratio.units };
}
