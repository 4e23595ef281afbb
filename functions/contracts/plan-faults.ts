import { COHORT_HOURS, isWatched, lastsSeconds, type PlanStep } from './promotion-pace.ts';
import type { PromotionPlan } from './promotion-plan.ts';
import { METRIC_DEFINITIONS, type MetricId } from './quality-metric.ts';
import { hidesOutcomes, type Task } from './task.ts';

interface Fault {
  readonly path: (string | number)[];
  readonly message: string;
}

interface Judged {
  readonly task: Task;
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

/** What is judged by outcomes. */
const isQuality = (metric: string): boolean => {
  const kind = definitionOf(metric)?.kind;
  return kind === 'ratio' || kind === 'windowed';
};

/** Where declined rows have no outcome, guardrails on outcomes see what was let through alone. */
function hiddenFaults(
  { kind, guardrails }: Extract<PlanStep, { kind: 'replay-traffic' | 'pilot' }>,
  path: Fault['path'],
  { task }: Judged,
): Fault[] {
  if (!hidesOutcomes(task)) return [];
  const why =
    kind === 'pilot'
      ? 'each arm would be judged by the rows it lets through: guard it in "ab", which can accept a share at random'
      : 'the rows that the champion declined have no outcome to compare by: gate it in "evaluate-offline"';
  return guardrails.flatMap(({ metric }, guardrail) =>
    isQuality(metric)
      ? [{ path: [...path, 'guardrails', guardrail, 'metric'], message: `"${metric}": ${why}` }]
      : [],
  );
}

/** Whether what a test declines is seen often enough to compare the arms, and only where it is hidden. */
function acceptFaults(step: AbStep, path: Fault['path'], { task }: Judged): Fault[] {
  const { metric, guardrails, randomAcceptShare, covariate } = step;
  const refuse = (name: string, message: string): Fault[] => [{ path: [...path, name], message }];
  const judged = [metric, ...guardrails.map((each) => each.metric)].filter(isQuality);
  if (!hidesOutcomes(task))
    return randomAcceptShare > 0
      ? refuse(
          'randomAcceptShare',
          'nothing is hidden that accepting at random would show: write 0, or say "positiveHidesOutcome" of the task',
        )
      : [];
  if (randomAcceptShare === 0)
    return judged.length > 0
      ? refuse(
          'randomAcceptShare',
          `${judged.map((each) => `"${each}"`).join(', ')} would be judged by the rows each arm lets through, and whoever declines more shows fewer of its errors: accept a share at random, such as 0.02, or test in "shadow"`,
        )
      : [];
  // A unit's own quotient of a few weighted rows is biased; a quotient of sums over all units is not.
  return covariate === 'none'
    ? []
    : refuse(
        'covariate',
        'adjusts means of units, which rows accepted at random do not give: write "none"',
      );
}

function abFaults(step: AbStep, at: number, spec: Judged): Fault[] {
  const path = ['promotion', 'steps', at];
  const { metric, maximumDays, exposurePercent } = step;
  const faults = acceptFaults(step, path, spec);
  const why = RARE.includes(metric)
    ? `"${metric}" is too rare for a mean: it can be a guardrail, not what is tested`
    : whyNotBetweenArms(metric, spec);
  if (why !== undefined) faults.push({ path: [...path, 'metric'], message: why });
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
  if (step.kind === 'replay-traffic' || step.kind === 'pilot')
    faults.push(...hiddenFaults(step, path, spec));
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
