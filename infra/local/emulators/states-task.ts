import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { isRecord } from './json.ts';
import { LAMBDA_INVOKE_WITH_TOKEN, type Task } from './states-definition.ts';
import { StatesError } from './states-error.ts';
import type { Execution } from './states-execution.ts';
import { evaluate } from './states-expression.ts';

/** How a Lambda invocation ended. */
export type Invoked =
  | { readonly kind: 'answered'; readonly payload: string }
  | {
      readonly kind: 'failed';
      readonly failure: { readonly errorType?: string; readonly errorMessage?: string };
    }
  /** Lambda did not run it: throttled, unknown, not permitted. */
  | { readonly kind: 'refused'; readonly code: string; readonly message: string };

export interface TaskHost {
  readonly clock: Clock;
  /** Invokes a function with the permissions of the machine's role. */
  invoke(machineArn: string, functionName: string, payload: string): Promise<Invoked>;
  /** Resolves with what SendTaskSuccess brings; rejects with a StatesError for SendTaskFailure. */
  awaitToken(token: string, signal: AbortSignal): Promise<unknown>;
  /** When the token last gave a sign of life, in virtual milliseconds. */
  lastHeartbeatMs(token: string): number | undefined;
  pause(durationMs: number, signal: AbortSignal): Promise<void>;
  /** 1 on real time; tests make retries faster. */
  readonly retryPace: number;
}

/** Step Functions waits for a task this long unless told otherwise: three years. */
const NO_TIMEOUT_SECONDS = 99_999_999;

const TOKEN_PREFIX = 'task-';

/** Whether a task had this token once; others were never one. */
export const isTaskToken = (token: string): boolean => token.startsWith(TOKEN_PREFIX);

/** Runs a task to its result. @throws StatesError with the name that retriers and catchers compare. */
export async function runTask(state: Task, execution: Execution, host: TaskHost): Promise<unknown> {
  const noted = { resource: resourceOf(state), resourceType: 'lambda' };
  try {
    const result =
      state.Resource === LAMBDA_INVOKE_WITH_TOKEN
        ? await runWithToken(state, execution, host)
        : await runOnce(state, execution, host);
    execution.journal.note('TaskSucceeded', 'taskSucceededEventDetails', {
      ...noted,
      output: result,
    });
    return result;
  } catch (error) {
    if (!(error instanceof StatesError) || execution.signal.aborted) throw error;
    const cause = error.message && { cause: error.message };
    const failed = { ...noted, error: error.told, ...cause };
    const isTimeout = error.name.endsWith('Timeout');
    execution.journal.note(
      isTimeout ? 'TaskTimedOut' : 'TaskFailed',
      isTimeout ? 'taskTimedOutEventDetails' : 'taskFailedEventDetails',
      failed,
    );
    throw error;
  }
}

const resourceOf = ({ Resource }: Task): string =>
  Resource === LAMBDA_INVOKE_WITH_TOKEN ? 'invoke.waitForTaskToken' : 'invoke';

async function runOnce(state: Task, execution: Execution, host: TaskHost): Promise<unknown> {
  const timeoutSeconds = await secondsOf(state.TimeoutSeconds, execution, 'TimeoutSeconds');
  const call = invokeLambda(state, execution, host);
  if (timeoutSeconds === undefined) return call;
  // The function's work takes real time, so its time-out does too.
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, execution.signal]);
  const timer = host.pause(timeoutSeconds * 1000, signal).then(() => {
    throw new StatesError('States.Timeout', '');
  });
  try {
    return await Promise.race([call, timer]);
  } finally {
    over.abort();
    await Promise.allSettled([timer]);
  }
}

async function runWithToken(state: Task, execution: Execution, host: TaskHost): Promise<unknown> {
  // After a restart the token is out already.
  const isOut = execution.record.cursor.phase.kind === 'token';
  if (!isOut) await makeToken(state, execution, host);
  const { phase } = execution.record.cursor;
  if (phase.kind !== 'token') throw new Error('a task with a token has none');
  const heartbeat = await secondsOf(state.HeartbeatSeconds, execution, 'HeartbeatSeconds');
  const over = new AbortController();
  const signal = AbortSignal.any([over.signal, execution.signal]);
  const answer = host.awaitToken(phase.token, signal);
  // The function may answer with its token before it returns; the race hears of it.
  answer.catch(() => undefined);
  const waits = [answer];
  try {
    if (!isOut) await handOver(state, execution, host);
    waits.push(expiry(phase.untilMs ?? Infinity, host, signal));
    if (heartbeat !== undefined) waits.push(silence(phase.token, heartbeat, host, signal));
    return await Promise.race(waits);
  } finally {
    over.abort();
    await Promise.allSettled(waits);
  }
}

async function makeToken(state: Task, execution: Execution, host: TaskHost): Promise<void> {
  const seconds =
    (await secondsOf(state.TimeoutSeconds, execution, 'TimeoutSeconds')) ?? NO_TIMEOUT_SECONDS;
  const untilMs = host.clock.nowMs() + seconds * 1000;
  execution.journal.move({
    phase: { kind: 'token', token: `${TOKEN_PREFIX}${randomUUID()}`, untilMs },
  });
}

async function handOver(state: Task, execution: Execution, host: TaskHost): Promise<void> {
  await invokeLambda(state, execution, host);
  execution.journal.note('TaskSubmitted', 'taskSubmittedEventDetails', {
    resource: resourceOf(state),
    resourceType: 'lambda',
  });
  await execution.journal.save();
}

async function expiry(untilMs: number, host: TaskHost, signal: AbortSignal): Promise<never> {
  await host.clock.sleep(Math.min(untilMs - host.clock.nowMs(), Number.MAX_SAFE_INTEGER), signal);
  throw new StatesError('States.Timeout', '');
}

async function silence(
  token: string,
  seconds: number,
  host: TaskHost,
  signal: AbortSignal,
): Promise<never> {
  const startedMs = host.clock.nowMs();
  for (;;) {
    const lastMs = host.lastHeartbeatMs(token) ?? startedMs;
    const leftMs = lastMs + seconds * 1000 - host.clock.nowMs();
    if (leftMs <= 0) throw new StatesError('States.HeartbeatTimeout', '');
    await host.clock.sleep(leftMs, signal);
  }
}

async function secondsOf(
  template: number | string | undefined,
  execution: Execution,
  field: string,
): Promise<number | undefined> {
  if (template === undefined) return undefined;
  return Number(await evaluate(template, execution.journal.bindings(), field));
}

/** The optimized Lambda integration: what it answers is `{ ExecutedVersion, Payload, StatusCode }`. */
async function invokeLambda(state: Task, execution: Execution, host: TaskHost): Promise<unknown> {
  const parameters = await evaluate(
    state.Arguments ?? execution.record.cursor.input,
    execution.journal.bindings(),
    'Arguments',
  );
  const noted = { resource: resourceOf(state), resourceType: 'lambda' };
  execution.journal.note('TaskScheduled', 'taskScheduledEventDetails', { ...noted, parameters });
  execution.journal.note('TaskStarted', 'taskStartedEventDetails', noted);
  await execution.journal.save();
  const { FunctionName, Payload = {} } = isRecord(parameters) ? parameters : {};
  if (typeof FunctionName !== 'string')
    throw new StatesError('States.Runtime', 'Arguments has no FunctionName');
  const invoked = await host.invoke(
    execution.record.machineArn,
    FunctionName,
    JSON.stringify(Payload),
  );
  switch (invoked.kind) {
    case 'answered':
      return {
        ExecutedVersion: '$LATEST',
        Payload: JSON.parse(invoked.payload) as unknown,
        StatusCode: 200,
      };
    case 'failed':
      throw new StatesError(
        invoked.failure.errorType ?? 'Lambda.Unknown',
        JSON.stringify(invoked.failure),
      );
    case 'refused':
      throw new StatesError(`Lambda.${invoked.code}`, invoked.message);
  }
}
