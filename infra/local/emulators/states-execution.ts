import type { Definition, State } from './states-definition.ts';
import { isNamed, StatesError } from './states-error.ts';
import { choose, failureOf, leave, type Step, wait } from './states-flow.ts';
import { ExecutionJournal } from './states-journal.ts';
import type {
  ExecutionRecord,
  ExecutionStatus,
  HistoryEvent,
  StatesStore,
} from './states-store.ts';
import { runTask, type TaskHost } from './states-task.ts';

/** Step Functions takes no more in or out of a state. */
const DATA_BYTES = 262_144;

export interface ExecutionHost extends TaskHost {
  readonly store: StatesStore;
  /** Told of every change of status, once it is on disk. */
  onStatus(record: ExecutionRecord): Promise<void>;
}

/** Why an execution ends from outside. */
export class Interrupted extends Error {
  readonly status: 'ABORTED' | 'TIMED_OUT' | 'RUNNING';
  readonly error: string | undefined;
  override readonly cause: string | undefined;

  /** @param status `RUNNING` when the runner stops: the next start goes on. */
  constructor(status: Interrupted['status'], error?: string, cause?: string) {
    super(`interrupted: ${status}`);
    this.status = status;
    this.error = error;
    this.cause = cause;
  }
}

/**
 * One execution: a cursor over the states of its machine that is on disk before anything depends on it. A
 * restart goes on where it stood; a task that was running is run again, as Step Functions may do too.
 */
export class Execution {
  readonly journal: ExecutionJournal;
  readonly #definition: Definition;
  readonly #host: ExecutionHost;
  readonly #interruption = new AbortController();

  constructor(record: ExecutionRecord, definition: Definition, host: ExecutionHost) {
    this.journal = new ExecutionJournal(record, host.store, host.clock);
    this.#definition = definition;
    this.#host = host;
  }

  get record(): ExecutionRecord {
    return this.journal.record;
  }

  get signal(): AbortSignal {
    return this.#interruption.signal;
  }

  interrupt(reason: Interrupted): void {
    this.#interruption.abort(reason);
  }

  /** Ends when the execution does, or when it is interrupted. */
  async run(): Promise<void> {
    const timer = new AbortController();
    this.#startTimer(timer.signal);
    try {
      while (this.record.status === 'RUNNING') await this.#advance();
    } catch (error) {
      await this.#end(error);
    } finally {
      timer.abort();
    }
  }

  #startTimer(signal: AbortSignal): void {
    const { TimeoutSeconds } = this.#definition;
    if (TimeoutSeconds === undefined) return;
    const leftMs = this.record.startedMs + TimeoutSeconds * 1000 - this.journal.nowMs();
    this.#host.clock.sleep(leftMs, signal).then(
      () => this.interrupt(new Interrupted('TIMED_OUT', 'States.Timeout')),
      // The execution was faster.
      () => undefined,
    );
  }

  /** Runs the state under the cursor and moves on. */
  async #advance(): Promise<void> {
    this.signal.throwIfAborted();
    const { state: name, variables } = this.record.cursor;
    const state = this.#definition.States[name];
    if (!state) throw new StatesError('States.Runtime', `there is no state ${name}`);
    const { output, next, assigned } = await this.#run(state);
    refuseTooMuch(name, output);
    this.journal.note(`${state.Type}StateExited`, 'stateExitedEventDetails', { name, output });
    if (next === undefined) return this.#finish('SUCCEEDED', { output });
    const type = this.#definition.States[next]?.Type ?? '';
    this.journal.enter(type, next, output, { ...variables, ...assigned });
    await this.journal.save();
  }

  async #run(state: State): Promise<Step> {
    const { input } = this.record.cursor;
    switch (state.Type) {
      case 'Pass':
      case 'Succeed':
        return leave(state, input, this.journal);
      case 'Fail':
        throw await failureOf(state, this.journal);
      case 'Choice':
        return choose(state, this.journal);
      case 'Wait':
        await wait(state, this.journal, this.#host.clock, this.signal);
        return leave(state, input, this.journal);
      case 'Task':
        return this.#attempt(state);
    }
  }

  async #attempt(state: Extract<State, { Type: 'Task' }>): Promise<Step> {
    for (;;) {
      try {
        const result = await runTask(state, this, this.#host);
        return await leave(state, result, this.journal, { result });
      } catch (error) {
        this.signal.throwIfAborted();
        if (!(error instanceof StatesError)) throw error;
        if (await this.#retries(state, error)) continue;
        const catcher = state.Catch?.find(({ ErrorEquals }) => isNamed(error, ErrorEquals));
        if (!catcher) throw error;
        const errorOutput = { Error: error.name, Cause: error.message };
        return leave(catcher, errorOutput, this.journal, { errorOutput });
      }
    }
  }

  /** Pauses on real time: the work between two attempts does not get faster. */
  async #retries(
    { Retry = [] }: Extract<State, { Type: 'Task' }>,
    error: StatesError,
  ): Promise<boolean> {
    const at = Retry.findIndex(({ ErrorEquals }) => isNamed(error, ErrorEquals));
    const retrier = Retry[at];
    const used = this.record.cursor.attempts[at] ?? 0;
    if (!retrier || used >= retrier.MaxAttempts) return false;
    const { IntervalSeconds, BackoffRate, MaxDelaySeconds = Infinity, JitterStrategy } = retrier;
    const longest = Math.min(IntervalSeconds * BackoffRate ** used, MaxDelaySeconds);
    const seconds = JitterStrategy === 'FULL' ? longest * Math.random() : longest;
    const attempts = Retry.map((_, each) => this.record.cursor.attempts[each] ?? 0);
    attempts[at] = used + 1;
    this.journal.move({ attempts, phase: { kind: 'entered' } });
    await this.journal.save();
    await this.#host.pause(seconds * 1000 * this.#host.retryPace, this.signal);
    return true;
  }

  async #end(error: unknown): Promise<void> {
    const reason: unknown = this.signal.aborted ? this.signal.reason : error;
    if (reason instanceof Interrupted) {
      if (reason.status === 'RUNNING') return;
      return this.#finish(reason.status, { error: reason.error, cause: reason.cause });
    }
    if (!(reason instanceof StatesError)) throw reason;
    return this.#finish('FAILED', { error: reason.told, cause: reason.message });
  }

  async #finish(
    status: Exclude<ExecutionStatus, 'RUNNING'>,
    { output, error, cause }: Ending,
  ): Promise<void> {
    const said = {
      ...(output !== undefined && { output }),
      ...(error && { error }),
      ...(cause && { cause }),
    };
    const [type, member] = ENDINGS[status];
    this.journal.noteLast(type, member, said);
    this.journal.change({ status, stoppedMs: this.journal.nowMs(), ...said });
    await this.journal.save();
    await this.#host.onStatus(this.record);
  }
}

interface Ending {
  readonly output?: unknown;
  readonly error?: string | undefined;
  readonly cause?: string | undefined;
}

const ENDINGS = {
  SUCCEEDED: ['ExecutionSucceeded', 'executionSucceededEventDetails'],
  FAILED: ['ExecutionFailed', 'executionFailedEventDetails'],
  TIMED_OUT: ['ExecutionTimedOut', 'executionTimedOutEventDetails'],
  ABORTED: ['ExecutionAborted', 'executionAbortedEventDetails'],
} as const;

function refuseTooMuch(name: string, output: unknown): void {
  if (Buffer.byteLength(JSON.stringify(output)) <= DATA_BYTES) return;
  throw new StatesError(
    'States.DataLimitExceeded',
    `The state/task '${name}' returned a result with a size exceeding the maximum number of bytes service limit.`,
  );
}

/** A new execution, before its first state. */
export function begin(
  seed: Pick<ExecutionRecord, 'arn' | 'name' | 'machineArn' | 'input' | 'startedMs'>,
  definition: Definition,
): { record: ExecutionRecord; events: HistoryEvent[] } {
  const event = (
    id: number,
    type: string,
    member: string,
    value: Readonly<Record<string, unknown>>,
  ) => ({
    id,
    previousEventId: id - 1,
    timestampMs: seed.startedMs,
    type,
    details: { member, value },
  });
  const first = definition.StartAt;
  const { input, startedMs } = seed;
  return {
    record: {
      ...seed,
      status: 'RUNNING',
      cursor: {
        state: first,
        input,
        enteredMs: startedMs,
        enteredEvent: 2,
        variables: {},
        attempts: [],
        phase: { kind: 'entered' },
      },
      events: 2,
    },
    events: [
      event(1, 'ExecutionStarted', 'executionStartedEventDetails', { input }),
      event(2, `${definition.States[first]?.Type}StateEntered`, 'stateEnteredEventDetails', {
        name: first,
        input,
      }),
    ],
  };
}
