import { LIMITS } from '../functions/contracts/limits.ts';
import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { PromotionPlace } from '../functions/contracts/promotion.ts';
import {
  isWatched,
  lastsSeconds,
  lookEverySeconds,
  OUTAGE_LOOKS,
  type PlanStep,
  type WatchedStep,
} from '../functions/contracts/promotion-pace.ts';

/** Step Functions fails an execution at 25,000 events; retries need the rest. */
export const LONGEST_HISTORY = 20_000;
/** A task enters, is scheduled, starts, succeeds and exits; waits and choices enter and exit. */
const EVENTS = { task: 5, wait: 2, choice: 2 } as const;

const DAY_SECONDS = 86_400;
/** A gate without data asks again this often, and gives up after a day: no data is never a pass. */
export const HOLD_SECONDS = 900;
const HOLDS = DAY_SECONDS / HOLD_SECONDS;
/** An endpoint of SageMaker takes minutes to be made; a step that waits longer than it may fails. */
export const PREPARING_SECONDS = 30;
const PREPARINGS = LIMITS.endpointSeconds / PREPARING_SECONDS;
/** A place of the plan with the name its states have in the graph. */
export interface Place {
  readonly step: PlanStep;
  readonly place: PromotionPlace;
  readonly title: string;
}

const TITLES = {
  'evaluate-offline': 'Evaluate offline',
  'replay-traffic': 'Replay traffic',
  'test-performance': 'Test performance',
  'smoke-test': 'Smoke test',
  shadow: 'Shadow',
  pilot: 'Pilot',
  ab: 'A/B test',
  approve: 'Approve',
  production: 'Production',
  bake: 'Bake',
} as const satisfies Record<PlanStep['kind'], string>;

export function placesOf({ promotion }: ModelSpec): Place[] {
  const places = promotion.steps.flatMap((step, at): Place[] => {
    if (step.kind !== 'pilot') return [{ step, place: { step: at }, title: TITLES[step.kind] }];
    return step.ramp.map(({ exposurePercent }, rung) => ({
      step,
      place: { step: at, rung },
      title: `${TITLES.pilot} ${exposurePercent} %`,
    }));
  });
  return places.map(({ title, ...rest }, at) => {
    const before = places.slice(0, at).filter((other) => other.title === title).length;
    return { ...rest, title: before === 0 ? title : `${title} ${before + 1}` };
  });
}

/** Steps whose version must be able to answer. */
const ANSWERED: readonly PlanStep['kind'][] = [
  'smoke-test',
  'replay-traffic',
  'test-performance',
  'shadow',
  'pilot',
  'ab',
  'production',
];

/** Whether a step may have to wait until SageMaker has made an endpoint. */
export const mayPrepare = ({ runtime }: ModelSpec, { kind }: PlanStep): boolean =>
  runtime.kind === 'sagemaker' && ANSWERED.includes(kind);

/** Events of the longest course of a plan, in which every look but the last says CONTINUE. */
export function longestHistory(spec: ModelSpec): number {
  const again = EVENTS.task + EVENTS.choice + EVENTS.wait;
  const looks = (step: WatchedStep, place: PromotionPlace): number =>
    Math.ceil(lastsSeconds(step, place) / lookEverySeconds(step, place)) + 1 + OUTAGE_LOOKS;
  const events = placesOf(spec).map(({ step, place }) => {
    const once = EVENTS.task + EVENTS.choice;
    const prepared = mayPrepare(spec, step) ? PREPARINGS * again : 0;
    if (isWatched(step)) return once + prepared + looks(step, place) * again;
    if (step.kind === 'approve') return once + 1;
    return once + prepared + (step.kind === 'production' ? 0 : HOLDS * again);
  });
  // The start, the ending task with its last state, and the end.
  return events.reduce((sum, each) => sum + each, 1 + EVENTS.task + 2 + 1);
}

/** A day on top for holds, retries and endpoints. */
export const longestSeconds = (spec: ModelSpec): number =>
  placesOf(spec)
    .map(({ step, place }) => {
      if (isWatched(step))
        return Math.ceil(
          lastsSeconds(step, place) * 1.1 + OUTAGE_LOOKS * lookEverySeconds(step, place),
        );
      return step.kind === 'approve' ? step.expiresAfterHours * 3600 : DAY_SECONDS;
    })
    .reduce((sum, each) => sum + each, DAY_SECONDS);
