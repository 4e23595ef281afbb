import type { Clock } from '../clock.ts';
import type { Choice, State, Wait } from './states-definition.ts';
import { StatesError } from './states-error.ts';
import { evaluate } from './states-expression.ts';
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
  const name = journal.record.cursor.state;
  const [assigned, evaluated] = await Promise.all([
    evaluate(Assign, bindings, `${name}/Assign`),
    Output === undefined ? output : evaluate(Output, bindings, `${name}/Output`),
  ]);
  return { output: evaluated, next: Next, assigned: assigned as Cursor['variables'] };
}

export async function choose(state: Choice, journal: ExecutionJournal): Promise<Step> {
  const { state: name, input } = journal.record.cursor;
  for (const [at, choice] of state.Choices.entries()) {
    const place = `${name}/Choices[${at}]/Condition`;
    const isMet = await evaluate(choice.Condition, journal.bindings(), place);
    if (typeof isMet !== 'boolean')
      throw new StatesError('States.QueryEvaluationError', `${place} did not return a boolean`);
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
  const { state: name, enteredMs } = journal.record.cursor;
  if (state.Timestamp !== undefined) {
    const place = `${name}/Timestamp`;
    const untilMs = Date.parse(String(await evaluate(state.Timestamp, journal.bindings(), place)));
    if (!Number.isNaN(untilMs)) return untilMs;
    throw new StatesError('States.QueryEvaluationError', `${place} is no instant`);
  }
  const seconds = await evaluate(state.Seconds, journal.bindings(), `${name}/Seconds`);
  if (typeof seconds === 'number' && seconds >= 0 && seconds <= 99_999_999)
    return enteredMs + seconds * 1000;
  throw new StatesError(
    'States.QueryEvaluationError',
    `${name}/Seconds is ${JSON.stringify(seconds)}, not a number from 0 to 99999999`,
  );
}

export async function failureOf(
  { Error: error = '', Cause = '' }: Extract<State, { Type: 'Fail' }>,
  journal: ExecutionJournal,
): Promise<StatesError> {
  const { state: name } = journal.record.cursor;
  const [errorName, cause] = await Promise.all([
    evaluate(error, journal.bindings(), `${name}/Error`),
    evaluate(Cause, journal.bindings(), `${name}/Cause`),
  ]);
  return new StatesError(String(errorName), String(cause));
}
