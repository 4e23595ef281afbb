import type { ModelSpec } from '../functions/contracts/model-spec.ts';
import type { PromotionEnding, PromotionPlace } from '../functions/contracts/promotion.ts';
import {
  lookEverySeconds,
  type PlanStep,
  type WatchedStep,
} from '../functions/contracts/promotion-pace.ts';
import {
  HOLD_SECONDS,
  LONGEST_HISTORY,
  longestHistory,
  longestSeconds,
  mayPrepare,
  type Place,
  PREPARING_SECONDS,
  placesOf,
} from './promotion-places.ts';

/** The functions behind the states of a machine, by what they do. */
export const PROMOTION_STEPS = [
  'smoke-test',
  'evaluate-offline',
  'replay-traffic',
  'test-performance',
  'open-place',
  'look',
  'ask-approval',
  'crown',
  'conclude',
] as const;
export type PromotionStep = (typeof PROMOTION_STEPS)[number];

type State = Readonly<Record<string, unknown>>;
type States = Record<string, State>;
export interface MachineDefinition {
  readonly Comment: string;
  readonly QueryLanguage: 'JSONata';
  readonly StartAt: string;
  readonly TimeoutSeconds: number;
  readonly States: Readonly<States>;
}

/** As long as a Lambda function may run. */
const TASK_SECONDS = 900;

/** Retries outlast a throttled minute; jitter keeps thirty models from trying again at once. */
const RETRY = [
  {
    ErrorEquals: ['States.ALL'],
    IntervalSeconds: 2,
    BackoffRate: 2,
    MaxAttempts: 6,
    MaxDelaySeconds: 60,
    JitterStrategy: 'FULL',
  },
];

/**
 * A team's way to production as a state machine, drawn from the steps of its spec so that the graph in the
 * console is that plan. Whatever goes wrong ends in the rollback.
 * @param functionArns of the steps; @param trialArn of the function that tries versions of this model.
 * @throws when the longest course of the plan has more events than Step Functions keeps.
 */
export function promotionMachine(
  spec: ModelSpec,
  functionArns: Readonly<Record<PromotionStep, string>>,
  trialArn: string,
): MachineDefinition {
  const events = longestHistory(spec);
  if (events > LONGEST_HISTORY)
    throw new Error(
      `the plan of ${spec.name} could take ${events} events of history, and ${LONGEST_HISTORY} are safe: shorten its longest steps`,
    );
  const tasks = new Tasks(spec, functionArns, trialArn);
  const places = placesOf(spec);
  const states: States = {};
  places.forEach((place, at) => {
    const next = places[at + 1]?.title ?? 'Keep';
    Object.assign(states, statesOf(place, next, tasks));
  });
  return {
    Comment: `${spec.name}: from a registered version to production, or back`,
    QueryLanguage: 'JSONata',
    StartAt: places[0]?.title ?? 'Keep',
    TimeoutSeconds: longestSeconds(spec),
    States: { ...states, ...endings(tasks) },
  };
}

function statesOf(place: Place, next: string, tasks: Tasks): States {
  const { step } = place;
  switch (step.kind) {
    case 'smoke-test':
    case 'evaluate-offline':
    case 'replay-traffic':
    case 'test-performance':
      return gate(place, tasks.run(step.kind, place.place), next, [HOLD, ...tasks.waitsOf(step)]);
    case 'production':
      return gate(place, tasks.run('crown', place.place), next, tasks.waitsOf(step));
    case 'approve':
      return approval(place, tasks, step.expiresAfterHours * 3600, next);
    case 'shadow':
    case 'pilot':
    case 'ab':
    case 'bake':
      return watch(place, step, tasks, next);
  }
}

const when = (verdict: string, next: string) => ({
  Condition: `{% $states.input.verdict = "${verdict}" %}`,
  Next: next,
});

/** A verdict after which the same is asked again, and when. */
interface Again {
  readonly verdict: string;
  readonly name: string;
  readonly seconds: number;
}
const HOLD: Again = { verdict: 'HOLD', name: 'hold', seconds: HOLD_SECONDS };
const PREPARING: Again = { verdict: 'PREPARING', name: 'prepare', seconds: PREPARING_SECONDS };

/** Asks once, and again where there is nothing to judge by, or nobody to ask yet. */
function gate({ title }: Place, task: State, next: string, waits: readonly Again[]): States {
  return {
    [title]: { ...task, Next: `${title}?` },
    [`${title}?`]: {
      Type: 'Choice',
      Choices: [when('PASS', next), ...asksAgain(title, waits), when('ENDED', 'Over')],
      Default: 'Reject',
    },
    ...waitsBefore(title, waits),
  };
}

const asksAgain = (title: string, waits: readonly Again[]) =>
  waits.map(({ verdict, name }) => when(verdict, `${title}: ${name}`));

const waitsBefore = (title: string, waits: readonly Again[]): States =>
  Object.fromEntries(
    waits.map(({ name, seconds }) => [
      `${title}: ${name}`,
      { Type: 'Wait', Seconds: seconds, Next: title },
    ]),
  );

/** Opens the place, and looks at it until a look says where to go. */
function watch({ title, place }: Place, step: WatchedStep, tasks: Tasks, next: string): States {
  const waits = tasks.waitsOf(step);
  return {
    [title]: { ...tasks.run('open-place', place), Next: `${title}: opened` },
    [`${title}: opened`]: {
      Type: 'Choice',
      Choices: [when('PASS', `${title}: wait`), ...asksAgain(title, waits), when('ENDED', 'Over')],
      Default: 'Roll back',
    },
    ...waitsBefore(title, waits),
    [`${title}: wait`]: {
      Type: 'Wait',
      Seconds: lookEverySeconds(step, place),
      Next: `${title}: look`,
    },
    [`${title}: look`]: { ...tasks.run('look', place), Next: `${title}?` },
    [`${title}?`]: {
      Type: 'Choice',
      Choices: [
        when('PASS', next),
        when('CONTINUE', `${title}: wait`),
        when('HOLD', `${title}: wait`),
        when('INCONCLUSIVE', 'Inconclusive'),
        when('FAIL', 'Reject'),
        when('ENDED', 'Over'),
      ],
      Default: 'Roll back',
    },
  };
}

function approval({ title, place }: Place, tasks: Tasks, seconds: number, next: string): States {
  const expired = { ErrorEquals: ['States.Timeout'], Next: 'Reject', Output: EXPIRED };
  const asked = tasks.ask('ask-approval', place, seconds);
  return {
    [title]: { ...asked, Catch: [expired, OVER, ...asked.Catch], Next: `${title}?` },
    [`${title}?`]: {
      Type: 'Choice',
      Choices: [when('PASS', next), when('ENDED', 'Over')],
      Default: 'Reject',
    },
  };
}

const OVER = { ErrorEquals: ['PromotionOver'], Next: 'Over' };
const EXPIRED = { verdict: 'FAIL', reason: 'nobody approved in time' };

const endings = (tasks: Tasks): States => ({
  Keep: { ...tasks.conclude('promoted'), Next: 'Promoted' },
  Promoted: { Type: 'Succeed' },
  'Roll back': { ...tasks.conclude('rolled-back'), Next: 'Rolled back' },
  'Rolled back': { Type: 'Succeed' },
  Reject: { ...tasks.conclude('rejected'), Next: 'Rejected' },
  Rejected: { Type: 'Succeed' },
  Inconclusive: { ...tasks.conclude('inconclusive'), Next: 'Champion kept' },
  'Champion kept': { Type: 'Succeed' },
  Over: { Type: 'Succeed', Comment: 'Ended by an operator, an alarm or a rollback.' },
});

/** Steps that ask the trial function of the model. */
const TRYING: readonly PromotionStep[] = ['smoke-test', 'replay-traffic', 'test-performance'];

/** Writes the task states of one model. */
class Tasks {
  readonly #spec: ModelSpec;
  readonly #arns: Readonly<Record<PromotionStep, string>>;
  readonly #trialArn: string;

  constructor(spec: ModelSpec, arns: Readonly<Record<PromotionStep, string>>, trialArn: string) {
    this.#spec = spec;
    this.#arns = arns;
    this.#trialArn = trialArn;
  }

  /** Where an endpoint may have to be made first. */
  waitsOf(step: PlanStep): readonly Again[] {
    return mayPrepare(this.#spec, step) ? [PREPARING] : [];
  }

  run(step: PromotionStep, place: PromotionPlace): State {
    const trial = TRYING.includes(step) ? { trial: this.#trialArn } : {};
    return {
      ...this.#task('arn:aws:states:::lambda:invoke', step, { place, ...trial }),
      Output: '{% $states.result.Payload %}',
      TimeoutSeconds: TASK_SECONDS,
      Catch: [ROLL_BACK],
    };
  }

  ask(step: PromotionStep, place: PromotionPlace, seconds: number) {
    const token = '{% $states.context.Task.Token %}';
    const task = this.#task('arn:aws:states:::lambda:invoke.waitForTaskToken', step, {
      place,
      token,
    });
    return {
      ...task,
      // An approval that has expired is not asked for again.
      Retry: [{ ErrorEquals: ['States.Timeout', 'PromotionOver'], MaxAttempts: 0 }, ...RETRY],
      TimeoutSeconds: seconds,
      Catch: [ROLL_BACK],
    };
  }

  /** Not caught: an execution that cannot end its promotion fails, and a rule on that tries again. */
  conclude(ending: PromotionEnding): State {
    const reason =
      '{% $exists($states.input.reason) ? $states.input.reason : "every step passed" %}';
    return {
      ...this.#task('arn:aws:states:::lambda:invoke', 'conclude', { ending, reason }),
      Output: '{% $states.result.Payload %}',
      TimeoutSeconds: TASK_SECONDS,
    };
  }

  #task(resource: string, step: PromotionStep, payload: State) {
    const promotion = '{% $states.context.Execution.Input.promotion %}';
    return {
      Type: 'Task',
      Resource: resource,
      Arguments: {
        FunctionName: this.#arns[step],
        Payload: { model: this.#spec.name, promotion, ...payload },
      },
      Retry: RETRY,
    };
  }
}

const ROLL_BACK = {
  ErrorEquals: ['States.ALL'],
  Next: 'Roll back',
  Output: {
    verdict: 'ROLLBACK',
    reason:
      '{% $substring($states.errorOutput.Error & ": " & $states.errorOutput.Cause, 0, 500) %}',
  },
};
