import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { OperatorRefused } from '../../infra/cli/operator-client.ts';
import { linearGraph } from './linear-graph.ts';
import { type RunningStack, until } from './running-stack.ts';
import { told } from './told.ts';

export const HYPOTHESIS = {
  change: 'trained on newer orders',
  why: 'streets have changed',
  expectedEffect: 'mae falls by 3 %',
  analysis: 'https://example.com/analysis/7',
};

/** Registers a version that does not serve yet. @returns its number. */
export async function candidate(
  stack: RunningStack,
  spec: ModelSpec,
  graph: Parameters<typeof linearGraph>[1],
): Promise<string> {
  const { version } = await stack.client.register(spec.name, linearGraph(spec, graph), 'a try');
  return version;
}

export const startPromotion = (
  stack: RunningStack,
  { name }: ModelSpec,
  version: string,
  rest: object = { acceptSlow: true },
): Promise<Promotion> =>
  stack.client.request('POST', `/v1/promotions/${name}`, {
    version,
    hypothesis: HYPOTHESIS,
    ...rest,
  });

export const showPromotion = (
  stack: RunningStack,
  { model, id }: Pick<Promotion, 'model' | 'id'>,
): Promise<Promotion> => stack.client.request('GET', `/v1/promotions/${model}/${id}`);

/** The refusal of a request that must be refused. */
export async function refusalOf(request: Promise<unknown>): Promise<OperatorRefused> {
  try {
    await request;
  } catch (error) {
    if (error instanceof OperatorRefused) return error;
    throw error;
  }
  throw new Error('it was not refused');
}

/** Names of the states an execution has entered, in order. */
export async function statesOf(stack: RunningStack, { executionArn = '' }: Promotion) {
  const history = await stack.states.machines.history(executionArn);
  return history.flatMap(({ type, details }) =>
    type.endsWith('StateEntered') ? [String(details?.value['name'])] : [],
  );
}

/** A machine that waits for a person waits this long at a time. */
const TOKEN_STRIDE_MS = 60 * 60_000;

/** Real time: hundreds of trials of a slow graph, on a machine that does much else. */
const LONGEST_STEP_MS = 120_000;

type Phase = ReturnType<RunningStack['states']['machines']['execution']>['cursor']['phase'];

/** Until when nothing happens; a state that was entered meanwhile runs now. */
const wakesAt =
  (nowMs: number) =>
  (phase: Phase): number => {
    if (phase.kind === 'waiting') return phase.untilMs;
    return phase.kind === 'token' ? nowMs + TOKEN_STRIDE_MS : nowMs;
  };

/**
 * Lets virtual time pass from one wait of the machine to the next until a promotion is where it is wanted,
 * with `meanwhile` in between: what runs must not be jumped over, nor a lease while a test hurries.
 * @param beside promotions that go on at the same time, and are not jumped over either.
 */
export async function passTime(
  stack: RunningStack,
  promotion: Promotion,
  isThere: (now: Promotion) => boolean,
  meanwhile: () => Promise<void> = async () => undefined,
  beside: readonly Promotion[] = [],
): Promise<Promotion> {
  const { machines } = stack.states;
  const executions = [promotion, ...beside].map(({ executionArn = '' }) => executionArn);
  const running = () =>
    executions.map((arn) => machines.execution(arn)).filter(({ status }) => status === 'RUNNING');
  let seen = promotion;
  for (let stride = 0; stride < 2000; stride++) {
    await until(
      () => running().every(({ cursor }) => cursor.phase.kind !== 'entered'),
      LONGEST_STEP_MS,
    );
    seen = await showPromotion(stack, promotion);
    if (isThere(seen)) return seen;
    await meanwhile();
    const phases = running().map(({ cursor }) => cursor.phase);
    // Meanwhile all may have ended, and what is told of that is on its way.
    const nowMs = stack.clock.nowMs();
    const wakesMs = phases.length === 0 ? nowMs : Math.min(...phases.map(wakesAt(nowMs)));
    stack.clock.advance(Math.max(wakesMs - nowMs, 0));
    const isAsleep = (phase: (typeof phases)[number]): boolean =>
      phase.kind === 'waiting' && phase.untilMs <= wakesMs;
    await until(
      () =>
        !running().some(({ cursor }) => phases.includes(cursor.phase) && isAsleep(cursor.phase)),
    );
  }
  throw new Error(`${promotion.id} is ${seen.state} at ${JSON.stringify(seen.place)} after all`);
}

/** Types of the facts of a promotion that the bus has heard. */
export async function toldOfPromotion(stack: RunningStack, { id }: Promotion): Promise<string[]> {
  const facts = await told(stack);
  return facts
    .filter(({ detail }) => JSON.stringify(detail).includes(`"${id}"`))
    .map(({ type }) => type);
}
