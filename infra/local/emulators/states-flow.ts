import type { Clock } from '../clock.ts';
import type { Choice, State, Wait } from './states-definition.ts';
import { StatesError } from './states-error.ts';
import { evaluate, evaluationError } from './states-expression.ts';
import type { ExecutionJournal } from './states-journal.ts';
import type { Cursor } from './states-store.ts';

/** What a state leaves behind: its output, the next state, and what it assigns. */
export interface Step {
  readonly output: unknown;
  readonly next: string | undefined;
  readonly assigned: Cursor['variables'];
}

interface Leaving {
  readonly Output?: unknown;
  readonly Assign?: Cursor['variables'] | undefined;
  readonly Next?: string | undefined;
}

/**
 * Evaluates `Output` and `Assign` of a state, choice or catcher, both from the same snapshot.
 * @param extra `result` or `errorOutput`, where there is one; `output` is what goes on without `Output`.
 */
export async function leave(
  { Output, Assign = {}, Next }: Leaving,
  output: unknown,
  journal: ExecutionJournal,
  extra: Readonly<Record<string, unknown>> = {},
): Promise<Step> {
  const bindings = journal.bindings(extra);
  const [assigned, evaluated] = await Promise.all([
    evaluate(Assign, bindings, 'Assign'),
    Output === undefined ? output : evaluate(Output, bindings, 'Output'),
  ]);
  return { output: evaluated, next: Next, assigned: assigned as Cursor['variables'] };
}

export async function choose(state: Choice, journal: ExecutionJournal): Promise<Step> {
  const { state: name, input } = journal.record.cursor;
  for (const [at, choice] of state.Choices.entries()) {
    const field = `Choices[${at}]/Condition`;
    const isMet = await evaluate(choice.Condition, journal.bindings(), field);
    if (typeof isMet !== 'boolean')
      throw evaluationError(
        journal.bindings(),
        `The JSONata expression specified for the field '${field}' returned an unexpected result type. Expected 'boolean', but was '${typeof isMet}' for value: ${JSON.stringify(isMet)}`,
      );
    if (isMet) return leave({ Output: state.Output, ...choice }, input, journal);
  }
  if (state.Default === undefined)
    throw new StatesError('States.NoChoiceMatched', `no choice of ${name} matched`);
  return leave({ ...state, Next: state.Default }, input, journal);
}

/** Waits on the virtual clock; until when is on disk before it begins. */
export async function wait(
  state: Wait,
  journal: ExecutionJournal,
  clock: Clock,
  signal: AbortSignal,
): Promise<void> {
  if (journal.record.cursor.phase.kind !== 'waiting') {
    const untilMs = await waitUntilMs(state, journal);
    journal.move({ phase: { kind: 'waiting', untilMs } });
    await journal.save();
  }
  const { phase } = journal.record.cursor;
  if (phase.kind === 'waiting') await clock.sleep(phase.untilMs - clock.nowMs(), signal);
}

async function waitUntilMs(state: Wait, journal: ExecutionJournal): Promise<number> {
  const bindings = journal.bindings();
  if (state.Timestamp !== undefined) {
    const said = await evaluate(state.Timestamp, bindings, 'Timestamp');
    const untilMs = Date.parse(String(said));
    if (!Number.isNaN(untilMs)) return untilMs;
    throw evaluationError(bindings, `Timestamp is ${JSON.stringify(said)}, which is no instant`);
  }
  const seconds = await evaluate(state.Seconds, bindings, 'Seconds');
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= 99_999_999)
    return journal.record.cursor.enteredMs + seconds * 1000;
  throw evaluationError(
    bindings,
    `Seconds is ${JSON.stringify(seconds)}, not a number from 0 to 99999999`,
  );
}

export async function failureOf(
  { Error: error = '', Cause = '' }: Extract<State, { Type: 'Fail' }>,
  journal: ExecutionJournal,
): Promise<StatesError> {
  const [errorName, cause] = await Promise.all([
    evaluate(error, journal.bindings(), 'Error'),
    evaluate(Cause, journal.bindings(), 'Cause'),
  ]);
  return new StatesError(String(errorName), String(cause));
}
