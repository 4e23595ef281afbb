import type { ModelSpec } from '../contracts/model-spec.ts';
import type { PromotionPlan } from '../contracts/promotion-plan.ts';
import { METRIC_DEFINITIONS, type MetricId } from '../contracts/quality-metric.ts';
import { meansOfArms, ratioOfUnits } from '../measures/arm-effect.ts';
import type { RareEvents } from '../measures/rare-events.ts';
import type { Measured } from './arm-sums.ts';
import type { Look, LookEvidence, MetricSums } from './look.ts';
import { shadowVerdict } from './shadow-rule.ts';
import { type MeasuredMetric, SMALLEST_SAMPLE, type TestPlan } from './test-plan.ts';
import { isRareEvent, unitMetric } from './unit-metrics.ts';
import { type Judgement, judge } from './verdict.ts';

type AbStep = Extract<PromotionPlan['steps'][number], { kind: 'ab' }>;

/** How the metrics of an A/B step are taken: the primary one beside its covariate where the spec asks. */
export const measuredBy = (step: AbStep, spec: ModelSpec): Measured[] => [
  {
    unitMetric: unitMetric(step.metric, spec),
    kind: step.covariate === 'champion-prediction' ? 'mean' : 'ratio',
  },
  ...guardrailMetrics(step, spec).measured.filter(
    ({ unitMetric: { metric } }) => metric !== step.metric,
  ),
];

/** The plan of an A/B step, fixed at its first look. */
export function testPlanOf(step: AbStep, spec: ModelSpec, plannedUnits: number): TestPlan {
  const { direction } = unitMetric(step.metric, spec);
  return {
    metric: step.metric,
    direction,
    guardrails: guardrailMetrics(step, spec).guardrails,
    plannedUnits,
    minimumDays: step.minimumDays,
    maximumDays: step.maximumDays,
  };
}

/** Guardrails of any step that are judged by means: the rare ones have their own exact test. */
export function guardrailMetrics(
  { guardrails }: { readonly guardrails: AbStep['guardrails'] },
  spec: ModelSpec,
): { readonly measured: Measured[]; readonly guardrails: TestPlan['guardrails'] } {
  const judged = guardrails
    .filter(({ metric }) => !isRareEvent(metric))
    .map(({ metric, margin }) => ({ margin, unitMetric: unitMetric(metric, spec) }));
  return {
    measured: judged.map(({ unitMetric: each }) => ({ unitMetric: each, kind: 'ratio' })),
    guardrails: judged.map(({ margin, unitMetric: { metric, direction, marginOf } }) => ({
      metric,
      direction,
      margin: marginOf(margin),
    })),
  };
}

/**
 * Events, and non-events, an arm below which no share is judged; and units accepted at random, each of which
 * stands for many: before some are drawn, sums do not vary as they will.
 */
export const FEWEST_EVENTS = 25;

/** Values of both arms with what they rest on; undefined where the arms cannot be compared yet. */
function measuredOf(sums: MetricSums): MeasuredMetric | undefined {
  const { metric, arms, kind, events, acceptedUnits, covariateShare } = sums;
  const values =
    kind === 'mean'
      ? meansOfArms(arms, covariateShare)
      : { champion: ratioOfUnits(arms.champion), challenger: ratioOfUnits(arms.challenger) };
  if (!values?.champion || !values.challenger) return undefined;
  const { champion, challenger } = values;
  const hasUnits = Math.min(champion.units, challenger.units) >= SMALLEST_SAMPLE;
  const hasEvents =
    !events ||
    [events.champion, events.challenger].every(
      (arm) => Math.min(arm.with, arm.without) >= FEWEST_EVENTS,
    );
  const hasAccepted =
    !acceptedUnits || Math.min(acceptedUnits.champion, acceptedUnits.challenger) >= FEWEST_EVENTS;
  return {
    arms: { champion, challenger },
    isSampleLarge: hasUnits && hasEvents && hasAccepted,
    ...(hasUnits && events && isLatency(metric) && { slowUnits: slowUnits(events) }),
  };
}

const isLatency = (metric: string): boolean =>
  METRIC_DEFINITIONS[metric as MetricId]?.kind === 'latency';

function slowUnits({ champion, challenger }: NonNullable<MetricSums['events']>): RareEvents {
  const [fast, slow] = [champion.without + challenger.without, champion.with + challenger.with];
  const share = (challenger.with + challenger.without) / (fast + slow);
  return { challenger: challenger.with, total: slow, share };
}

function measuredIn({ metrics }: Pick<LookEvidence, 'metrics'>): Map<string, MeasuredMetric> {
  const found = new Map<string, MeasuredMetric>();
  for (const sums of metrics) {
    const measured = measuredOf(sums);
    if (measured) found.set(sums.metric, measured);
  }
  return found;
}

/** The verdict of a look, from what was kept of it: deriving it again needs nothing else. */
export const judgeLook = (plan: TestPlan, evidence: LookEvidence): Judgement =>
  judge(plan, {
    ...evidence,
    rareEvents: evidence.rareEvents,
    metrics: measuredIn(evidence),
  });

/** Guardrails of a plan that rest on too few units so far to say anything. */
export function unjudgedGuardrails(
  { guardrails }: Pick<TestPlan, 'guardrails'>,
  evidence: Pick<LookEvidence, 'metrics'>,
): string[] {
  const measured = measuredIn(evidence);
  const isJudged = (metric: string): boolean => {
    const { isSampleLarge = false, slowUnits: slow } = measured.get(metric) ?? {};
    return isSampleLarge || slow !== undefined;
  };
  return guardrails.map(({ metric }) => metric).filter((metric) => !isJudged(metric));
}

/** The verdict of a kept look, derived again from its own sums; `agrees` unless it was tampered with. */
export function rederive(look: Look): {
  readonly verdict: string;
  readonly rule: string;
  readonly agrees: boolean;
} {
  const { plan, evidence } = look;
  const { verdict, rule } = plan.shadow
    ? shadowVerdict(plan.shadow, evidence)
    : judgeLook(plan, evidence);
  return { verdict, rule, agrees: verdict === look.judged.verdict && rule === look.judged.rule };
}
