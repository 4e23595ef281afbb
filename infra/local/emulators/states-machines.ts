import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { ServiceError } from './emulator.ts';
import { type Definition, parseDefinition } from './states-definition.ts';
import type { StatesError } from './states-error.ts';
import { begin, Execution, Interrupted } from './states-execution.ts';
import type { ExecutionRecord, HistoryEvent, StatesStore } from './states-store.ts';
import { type Invoked, isTaskToken } from './states-task.ts';
import { executionArn } from './states-types.ts';

export interface StateMachinesOptions {
  readonly store: StatesStore;
  readonly clock: Clock;
  /** Invokes a function with the permissions of a role. */
  readonly invoke: (roleArn: string, functionName: string, payload: string) => Promise<Invoked>;
  /** Told of every status an execution takes; EventBridge is. */
  readonly onStatus: (record: ExecutionRecord) => Promise<void>;
  readonly onFault: (fault: unknown) => void;
  readonly retryPace: number;
}

export interface DeclaredMachine {
  readonly arn: string;
  readonly name: string;
  readonly roleArn: string;
  readonly definition: string;
}

interface Machine {
  readonly roleArn: string;
  readonly definition: Definition;
}

interface AwaitedToken {
  readonly machineArn: string;
  readonly settle: PromiseWithResolvers<unknown>;
  lastBeatMs: number;
}

export type TokenResult = { readonly output: unknown } | { readonly failure: StatesError };

/** The machines of the template and their executions, running and over. */
export class StateMachines {
  readonly #options: StateMachinesOptions;
  readonly #machines = new Map<string, Machine>();
  readonly #executions = new Map<string, Execution>();
  readonly #tokens = new Map<string, AwaitedToken>();
  readonly #running = new Map<string, Promise<void>>();

  constructor(options: StateMachinesOptions) {
    this.#options = options;
  }

  /** Takes up every execution that an earlier run left behind. */
  async open(declared: readonly DeclaredMachine[]): Promise<void> {
    for (const { arn, name, roleArn, definition } of declared)
      this.#machines.set(arn, { roleArn, definition: parseDefinition(definition, name) });
    for (const record of await this.#options.store.executions()) {
      const machine = this.#machines.get(record.machineArn);
      // A machine that left the template took its executions along, as deleting it does on AWS.
      if (machine) this.#take(record, machine.definition);
    }
  }

  /** Executions stay where they are, to be taken up by the next start. */
  async close(): Promise<void> {
    for (const execution of this.#executions.values())
      execution.interrupt(new Interrupted('RUNNING'));
    await Promise.all(this.#running.values());
  }

  /** @throws ServiceError ExecutionAlreadyExists for a name that was used with other input or is over. */
  async startExecution(
    machineArn: string,
    input: unknown,
    name: string = randomUUID(),
  ): Promise<ExecutionRecord> {
    const machine = this.#machine(machineArn);
    const arn = executionArn(machineArn, name);
    const known = this.#executions.get(arn)?.journal.kept;
    if (known) {
      if (known.status === 'RUNNING' && JSON.stringify(known.input) === JSON.stringify(input))
        return known;
      throw new ServiceError(400, 'ExecutionAlreadyExists', `Execution Already Exists: '${arn}'`);
    }
    const startedMs = this.#options.clock.nowMs();
    const seed = { arn, name, machineArn, input, startedMs };
    const { record, events } = begin(seed, machine.definition);
    // Reserved before it is written: a second start in between would make two.
    const execution = this.#create(record, machine.definition);
    await this.#options.store.write(record, events);
    await this.#options.onStatus(record);
    this.#run(execution);
    return record;
  }

  /** @returns when it stopped, in virtual milliseconds. */
  async stopExecution(arn: string, error?: string, cause?: string): Promise<number> {
    const execution = this.#executions.get(arn);
    execution?.interrupt(new Interrupted('ABORTED', error, cause));
    await this.#running.get(arn);
    return this.execution(arn).stoppedMs ?? this.#options.clock.nowMs();
  }

  execution(arn: string): ExecutionRecord {
    const found = this.#executions.get(arn);
    if (found) return found.journal.kept;
    throw new ServiceError(400, 'ExecutionDoesNotExist', `Execution Does Not Exist: '${arn}'`);
  }

  executionsOf(machineArn: string): ExecutionRecord[] {
    this.#machine(machineArn);
    return [...this.#executions.values()]
      .map(({ journal }) => journal.kept)
      .filter((record) => record.machineArn === machineArn);
  }

  history(arn: string): Promise<HistoryEvent[]> {
    return this.#options.store.history(arn);
  }

  machineOfToken(token: string): string {
    return this.#token(token).machineArn;
  }

  settleToken(token: string, result: TokenResult): void {
    const { settle } = this.#token(token);
    this.#tokens.delete(token);
    if ('output' in result) settle.resolve(result.output);
    else settle.reject(result.failure);
  }

  beat(token: string): void {
    this.#token(token).lastBeatMs = this.#options.clock.nowMs();
  }

  #take(record: ExecutionRecord, definition: Definition): void {
    const execution = this.#create(record, definition);
    if (record.status === 'RUNNING') this.#run(execution);
  }

  #create(record: ExecutionRecord, definition: Definition): Execution {
    const { store, clock, onStatus, retryPace } = this.#options;
    const execution: Execution = new Execution(record, definition, {
      store,
      clock,
      onStatus,
      retryPace,
      pause,
      invoke: (machineArn, functionName, payload) =>
        this.#options.invoke(this.#machine(machineArn).roleArn, functionName, payload),
      awaitToken: (token, signal) => this.#await(token, record.machineArn, signal),
      lastHeartbeatMs: (token) => this.#tokens.get(token)?.lastBeatMs,
    });
    this.#executions.set(record.arn, execution);
    return execution;
  }

  #run(execution: Execution): void {
    const { arn } = execution.record;
    const running = execution
      .run()
      .catch(this.#options.onFault)
      .finally(() => this.#running.delete(arn));
    this.#running.set(arn, running);
  }

  /** The token can be answered from here on, until the signal. */
  async #await(token: string, machineArn: string, signal: AbortSignal): Promise<unknown> {
    const settle = Promise.withResolvers<unknown>();
    const lastBeatMs = this.#options.clock.nowMs();
    this.#tokens.set(token, { machineArn, settle, lastBeatMs });
    const stop = (): void => settle.reject(signal.reason);
    if (signal.aborted) stop();
    signal.addEventListener('abort', stop, { once: true });
    try {
      return await settle.promise;
    } finally {
      signal.removeEventListener('abort', stop);
      this.#tokens.delete(token);
    }
  }

  #token(token: string): AwaitedToken {
    const found = this.#tokens.get(token);
    if (found) return found;
    if (!isTaskToken(token))
      throw new ServiceError(400, 'InvalidToken', "Invalid Token: 'Invalid token'");
    throw new ServiceError(
      400,
      'TaskTimedOut',
      "Task Timed Out: 'Provided task does not exist anymore'",
    );
  }

  #machine(arn: string): Machine {
    const found = this.#machines.get(arn);
    if (found) return found;
    throw new ServiceError(
      400,
      'StateMachineDoesNotExist',
      `State Machine Does Not Exist: '${arn}'`,
    );
  }
}

/** On real time; rejects with the signal's reason. */
function pause(durationMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(resolve, Math.min(durationMs, 2 ** 31 - 1));
  const stop = (): void => reject(signal.reason);
  if (signal.aborted) stop();
  signal.addEventListener('abort', stop, { once: true });
  return promise.finally(() => {
    clearTimeout(timer);
    signal.removeEventListener('abort', stop);
  });
}
