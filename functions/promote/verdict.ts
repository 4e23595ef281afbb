import { effectOf } from '../measures/arm-effect.ts';
import { type NonInferiority, nonInferiority } from '../measures/non-inferiority.ts';
import { normalQuantile } from '../measures/normal.ts';
import {
  logRareEventEvidence,
  type RareEvents,
  rareEventProbability,
} from '../measures/rare-events.ts';
import { sampleRatio } from '../measures/sample-ratio.ts';
import { oneSided, twoSided } from '../measures/sequential-test.ts';
import { ERROR_BUDGET, type Evidence, type TestPlan, type Verdict } from './test-plan.ts';

/** Harm must be seen early: its test is sharpest at this share of the planned units. */
const HARM_SHARPEST_AT = 0.1;
/** Units seen in both arms; more than this and the assignment cannot be trusted. */
const MIXED_SHARE = 0.01;
/** A challenger with a smaller share of the enrolled units is compared with nothing but noise. */
const SMALLEST_SHARE = 0.25;

export interface Judgement {
  readonly verdict: Verdict;
  /** Which rule decided, in the order they are asked. */
  readonly rule:
    | 'alarm'
    | 'rare-events'
    | 'guardrail'
    | 'alarm-on-both-arms'
    | 'sample-ratio'
    | 'mixed-units'
    | 'no-data'
    | 'minimum-sample'
    | 'success'
    | 'horizon'
    | 'undecided';
  readonly reason: string;
  readonly hasSucceeded: boolean;
  readonly guardrails: readonly (NonInferiority & { readonly metric: string })[];
}

/** Hours of silence before a look says so; a deployment of the recorder takes minutes. */
const GRACE_HOURS = 2;

/**
 * The decision rule of a look, in the one order that keeps harm from hiding behind poor health: rollback
 * before hold, hold before promotion, and no promotion without evidence.
 */
export function judge(plan: TestPlan, evidence: Evidence): Judgement {
  const illHealth = illHealthOf(evidence);
  const missing = missingSample(plan, evidence);
  // Taken once: a look that would hold, or wait for its sample, must not spend the final test.
  const isFinal =
    illHealth === undefined &&
    (missing === undefined || evidence.days >= plan.maximumDays) &&
    isHorizonReached(plan, evidence);
  const guardrails = plan.guardrails.map((guardrail) => ({
    metric: guardrail.metric,
    ...judgeGuardrail(guardrail, plan, evidence, isFinal),
  }));
  const hasSucceeded = evidence.hasSucceeded || succeeds(plan, evidence, isFinal);
  const found =
    harmIn(plan, evidence, guardrails) ??
    illHealth ??
    outcomeOf(plan, evidence, { isFinal, hasSucceeded, guardrails, missing });
  return { ...found, hasSucceeded, guardrails };
}

type Decision = Pick<Judgement, 'verdict' | 'rule' | 'reason'>;
type JudgedGuardrails = Judgement['guardrails'];

const decide = (verdict: Verdict, rule: Judgement['rule'], reason: string): Decision => ({
  verdict,
  rule,
  reason,
});

const unitsIn = ({ exposed }: Evidence): number => exposed.champion + exposed.challenger;

const isHorizonReached = (plan: TestPlan, evidence: Evidence): boolean => {
  const arms = evidence.metrics.get(plan.metric)?.arms;
  const mature = arms ? arms.champion.units + arms.challenger.units : 0;
  return (
    evidence.days >= plan.maximumDays ||
    (mature >= plan.plannedUnits && evidence.days >= plan.minimumDays)
  );
};

/** A share each of the chance of a false alarm: the guardrails, the metric itself, and rare events. */
const harmAlpha = ({ guardrails }: TestPlan): number => ERROR_BUDGET.harm / (guardrails.length + 2);

function harmIn(
  plan: TestPlan,
  evidence: Evidence,
  guardrails: JudgedGuardrails,
): Decision | undefined {
  const { alarms, rareEvents } = evidence;
  const own = alarms.challenger.filter((alarm) => !alarms.champion.includes(alarm));
  if (own.length > 0) return decide('ROLLBACK', 'alarm', `the challenger misses ${own.join(', ')}`);
  if (rareEvents && logRareEventEvidence(rareEvents) >= -Math.log(harmAlpha(plan)))
    return decide(
      'ROLLBACK',
      'rare-events',
      `${rareEvents.challenger} of ${rareEvents.total} failures are the challenger's, which serves ${Math.round(rareEvents.share * 100)} % of the requests`,
    );
  const failed = guardrails.filter(({ verdict }) => verdict === 'FAIL').map(({ metric }) => metric);
  if (isPrimaryHarmed(plan, evidence)) failed.unshift(plan.metric);
  if (failed.length > 0)
    return decide('ROLLBACK', 'guardrail', `the challenger is worse in ${failed.join(', ')}`);
  return undefined;
}

function isPrimaryHarmed(plan: TestPlan, { metrics }: Evidence): boolean {
  const measured = metrics.get(plan.metric);
  if (!measured?.isSampleLarge) return false;
  const { estimate, standardError, units } = effectOf(measured.arms);
  const harm = oneSided(
    { estimate: -plan.direction * estimate, standardError, units },
    { alpha: harmAlpha(plan), sharpestAt: plan.plannedUnits * HARM_SHARPEST_AT },
  );
  return harm.low > 0;
}

function illHealthOf(evidence: Evidence): Decision | undefined {
  const { alarms, exposed, mixedUnits, data, failure, incompleteHours } = evidence;
  const both = alarms.challenger.filter((alarm) => alarms.champion.includes(alarm));
  if (both.length > 0)
    return decide('HOLD', 'alarm-on-both-arms', `both arms miss ${both.join(', ')}`);
  const ratio = sampleRatio([
    { units: exposed.champion, weight: 1 },
    { units: exposed.challenger, weight: 1 },
  ]);
  if (ratio && ratio.probability < ERROR_BUDGET.sampleRatio)
    return decide(
      'HOLD',
      'sample-ratio',
      `${exposed.champion} units met the champion and ${exposed.challenger} the challenger, where half and half was planned (p = ${ratio.probability.toExponential(1)})`,
    );
  if (mixedUnits > MIXED_SHARE * unitsIn(evidence))
    return decide('HOLD', 'mixed-units', `${mixedUnits} units met both arms`);
  if (data === 'failed')
    return decide('HOLD', 'no-data', `what is measured could not be read: ${failure ?? 'unknown'}`);
  if (data === 'silent' && incompleteHours >= GRACE_HOURS)
    return decide('HOLD', 'no-data', 'no outcomes arrive');
  return undefined;
}

function outcomeOf(
  plan: TestPlan,
  evidence: Evidence,
  found: {
    readonly isFinal: boolean;
    readonly hasSucceeded: boolean;
    readonly guardrails: JudgedGuardrails;
    readonly missing: string | undefined;
  },
): Decision {
  const { missing } = found;
  if (missing !== undefined && evidence.days < plan.maximumDays)
    return decide('CONTINUE', 'minimum-sample', missing);
  const open = found.guardrails.filter(({ verdict }) => verdict !== 'PASS');
  if (
    missing === undefined &&
    evidence.data === 'complete' &&
    found.hasSucceeded &&
    open.length === 0
  )
    return decide('PROMOTE', 'success', `${plan.metric} is better and every guardrail holds`);
  if (found.isFinal)
    return decide(
      'INCONCLUSIVE',
      'horizon',
      missing ??
        (found.hasSucceeded
          ? `${plan.metric} is better, but ${open.map(({ metric }) => metric).join(', ')} is not shown to hold`
          : `no difference in ${plan.metric} was shown`),
    );
  return decide('CONTINUE', 'undecided', 'more units are needed');
}

/** Why no mean may be judged yet. */
function missingSample(plan: TestPlan, evidence: Evidence): string | undefined {
  if (evidence.days < plan.minimumDays)
    return `${evidence.days.toFixed(1)} of at least ${plan.minimumDays} days have passed`;
  if (evidence.exposed.challenger < SMALLEST_SHARE * unitsIn(evidence))
    return 'the challenger has less than a quarter of the enrolled units';
  const small = [plan.metric, ...plan.guardrails.map(({ metric }) => metric)].filter((metric) => {
    const measured = evidence.metrics.get(metric);
    return !measured?.isSampleLarge && !measured?.slowUnits;
  });
  return small.length > 0 ? `too few mature units or events for ${small.join(', ')}` : undefined;
}

function succeeds(plan: TestPlan, evidence: Evidence, isFinal: boolean): boolean {
  const measured = evidence.metrics.get(plan.metric);
  if (!measured?.isSampleLarge) return false;
  const effect = effectOf(measured.arms);
  const better = { ...effect, estimate: plan.direction * effect.estimate };
  const atAnyLook = twoSided(better, {
    alpha: ERROR_BUDGET.successAtAnyLook,
    sharpestAt: plan.plannedUnits,
  });
  if (atAnyLook.low > 0) return true;
  const critical = normalQuantile(1 - ERROR_BUDGET.successAtTheEnd / 2);
  return isFinal && better.standardError > 0 && better.estimate / better.standardError >= critical;
}

/**
 * PASS by the budget of success, FAIL by the budget of harm: a guardrail may do neither. One without any
 * margin asks for no proof of being better: it passes unless harm is shown.
 */
function judgeGuardrail(
  { metric, margin, direction }: TestPlan['guardrails'][number],
  plan: TestPlan,
  { metrics }: Evidence,
  isFinal: boolean,
): NonInferiority {
  const measured = metrics.get(metric);
  if (measured?.slowUnits && !measured.isSampleLarge) return judgeSlow(measured.slowUnits, plan);
  if (!measured?.isSampleLarge) return UNMEASURED;
  const harm = nonInferiority(measured.arms, margin, direction, {
    alpha: harmAlpha(plan),
    sharpestAt: plan.plannedUnits * HARM_SHARPEST_AT,
  });
  const holds = nonInferiority(measured.arms, margin, direction, {
    alpha: ERROR_BUDGET.successAtAnyLook,
    sharpestAt: plan.plannedUnits,
  });
  if (harm.verdict === 'FAIL') return harm;
  if (margin === 0) return { ...holds, verdict: 'PASS', harmProbability: harm.harmProbability };
  const critical = normalQuantile(1 - ERROR_BUDGET.successAtTheEnd);
  const holdsAtTheEnd =
    isFinal && holds.standardError > 0 && holds.delta / holds.standardError >= critical;
  return {
    ...holds,
    verdict: holds.verdict === 'PASS' || holdsAtTheEnd ? 'PASS' : 'UNDECIDED',
    harmProbability: harm.harmProbability,
  };
}

/** PASS unless the challenger is shown to be slow more often; no margin is provable with so few. */
function judgeSlow(slowUnits: RareEvents, plan: TestPlan): NonInferiority {
  const harmProbability = rareEventProbability(slowUnits);
  return {
    ...UNMEASURED,
    verdict: harmProbability <= harmAlpha(plan) ? 'FAIL' : 'PASS',
    harmProbability,
  };
}

const UNMEASURED: NonInferiority = {
  verdict: 'UNDECIDED',
  delta: 0,
  standardError: 0,
  low: -Infinity,
  inferiorProbability: 1,
  superiorProbability: 1,
  harmProbability: 1,
};
