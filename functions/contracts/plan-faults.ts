import { COHORT_HOURS, isWatched, lastsSeconds, type PlanStep } from './promotion-pace.ts';
import type { PromotionPlan } from './promotion-plan.ts';
import { METRIC_DEFINITIONS, type MetricId } from './quality-metric.ts';

interface Fault {
  readonly path: (string | number)[];
  readonly message: string;
}

interface Judged {
  readonly promotion: PromotionPlan;
  readonly monitoring: {
    readonly objectives: readonly { readonly metric: string }[];
    readonly outcomes: { readonly maturityHours: number };
  };
}

type AbStep = Extract<PlanStep, { kind: 'ab' }>;

/** Failures are too rare for means; their exact test judges them. */
const RARE: readonly string[] = ['errorShare', 'fallbackShare'];

const definitionOf = (metric: string) =>
  Object.hasOwn(METRIC_DEFINITIONS, metric) ? METRIC_DEFINITIONS[metric as MetricId] : undefined;

/** Why a metric cannot be judged between arms; undefined where it can, or where it is no metric at all. */
function whyNotBetweenArms(metric: string, { monitoring }: Judged): string | undefined {
  const definition = definitionOf(metric);
  if (!definition) return undefined;
  if (definition.better === 'target')
    return `"${metric}" is best near a number, so neither arm is better in it: gate it offline against a number`;
  if (definition.kind === 'windowed')
    return `"${metric}" is no mean over units, so arms cannot be compared in it: gate it offline`;
  if (definition.kind === 'throttled')
    return `"${metric}" is of the function, which both arms share: watch it as an objective`;
  const isObjective = monitoring.objectives.some((objective) => objective.metric === metric);
  if (definition.kind === 'latency' && !isObjective)
    return `"${metric}" is judged between arms by the share of requests above its objective: add one`;
  return undefined;
}

/** Why a metric cannot be a gate before anybody is exposed. */
function whyNotOffline(metric: string, isAgainstChampion: boolean): string | undefined {
  const definition = definitionOf(metric);
  if (!definition) return undefined;
  if (definition.kind !== 'ratio' && definition.kind !== 'windowed')
    return `"${metric}" is of the service, and nothing serves here: budget it in "test-performance"`;
  if (isAgainstChampion && definition.better === 'target')
    return `"${metric}" is best near a number: gate it against a number`;
  return undefined;
}

function abFaults(step: AbStep, at: number, spec: Judged): Fault[] {
  const path = ['promotion', 'steps', at];
  const { metric, randomAcceptShare, maximumDays, exposurePercent } = step;
  const faults: Fault[] = [];
  const why = RARE.includes(metric)
    ? `"${metric}" is too rare for a mean: it can be a guardrail, not what is tested`
    : whyNotBetweenArms(metric, spec);
  if (why !== undefined) faults.push({ path: [...path, 'metric'], message: why });
  if (randomAcceptShare > 0)
    faults.push({
      path: [...path, 'randomAcceptShare'],
      message: 'accepting a share of units at random is not built: write 0, and test in shadow',
    });
  const firstDays = (COHORT_HOURS + spec.monitoring.outcomes.maturityHours) / 24;
  if (maximumDays <= firstDays)
    faults.push({
      path: [...path, 'maximumDays'],
      message: `the first units are mature after ${firstDays.toFixed(1)} days, when the test is over`,
    });
  const exposed = spec.promotion.steps
    .slice(0, at)
    .flatMap((each) => (each.kind === 'pilot' ? each.ramp : []))
    .map((rung) => rung.exposurePercent);
  // Where everybody is exposed already, new units still come.
  if (exposurePercent < 100 && exposurePercent <= Math.max(0, ...exposed))
    faults.push({
      path: [...path, 'exposurePercent'],
      message: 'units of the pilot are not judged again: expose more of them than the pilot did',
    });
  return faults;
}

/** A look comes once a minute at the most. */
const SHORTEST_SECONDS = 60;

function stepFaults(step: PlanStep, at: number, spec: Judged): Fault[] {
  const path = ['promotion', 'steps', at];
  const faults: Fault[] = [];
  const refuse = (message: string | undefined, ...below: (string | number)[]) => {
    if (message !== undefined) faults.push({ path: [...path, ...below], message });
  };
  if (step.kind === 'evaluate-offline')
    step.gates.forEach(({ metric, against }, gate) =>
      refuse(whyNotOffline(metric, against === 'champion'), 'gates', gate, 'metric'),
    );
  if (step.kind === 'replay-traffic')
    step.guardrails.forEach(({ metric }, guardrail) =>
      refuse(whyNotOffline(metric, true), 'guardrails', guardrail, 'metric'),
    );
  if (step.kind === 'pilot' || step.kind === 'ab')
    step.guardrails.forEach(({ metric }, guardrail) =>
      refuse(whyNotBetweenArms(metric, spec), 'guardrails', guardrail, 'metric'),
    );
  const tooShort = 'is over before anybody has looked: a look comes once a minute at the most';
  if (step.kind === 'pilot')
    step.ramp.forEach(({ bakeMinutes }, rung) =>
      refuse(bakeMinutes * 60 < SHORTEST_SECONDS ? tooShort : undefined, 'ramp', rung),
    );
  else if (isWatched(step) && lastsSeconds(step, { step: at }) < SHORTEST_SECONDS) refuse(tooShort);
  if (step.kind === 'ab') faults.push(...abFaults(step, at, spec));
  return faults;
}

/** What a plan asks for that could not be judged when it comes to it. */
export const planFaults = (spec: Judged): Fault[] =>
  spec.promotion.steps.flatMap((step, at) => stepFaults(step, at, spec));
