import { randomUUID } from 'node:crypto';
import { ServiceError } from '../emulators/emulator.ts';
import {
  type EnvironmentHooks,
  ExecutionEnvironment,
  type FunctionImage,
  type Outcome,
} from './environment.ts';

export interface Concurrency {
  /** Environments of one function on this machine. Where AWS would start another, a request waits. */
  readonly environments: number;
  /** Invocations at once above which Lambda throttles; undefined: the account's limit of 1,000. */
  readonly reserved: number | undefined;
}

/** Unreserved concurrency of an account in a region. */
const ACCOUNT_CONCURRENCY = 1000;

const STOPPED: Outcome = {
  kind: 'failed',
  failure: { errorType: 'Runtime.ExitError', errorMessage: 'the runner has stopped' },
};

/** The execution environments of one function; the one used last is used next, as on Lambda. */
export class EnvironmentPool {
  readonly #image: FunctionImage;
  readonly #hooks: EnvironmentHooks;
  readonly #concurrency: Concurrency;
  readonly #idle: ExecutionEnvironment[] = [];
  readonly #all = new Set<ExecutionEnvironment>();
  /** What each is at. */
  readonly #payloads = new Map<ExecutionEnvironment, string>();
  /** Given nothing when the pool stops. */
  readonly #waiting: ((environment: ExecutionEnvironment | undefined) => void)[] = [];
  #invocations = 0;
  #isStopped = false;

  constructor(image: FunctionImage, hooks: EnvironmentHooks, concurrency: Concurrency) {
    this.#image = image;
    this.#hooks = hooks;
    this.#concurrency = concurrency;
  }

  /** Invocations at this moment, those that wait included. */
  get invocations(): number {
    return this.#invocations;
  }

  /** @throws ServiceError 429 when the function's concurrency is used up. */
  async invoke(payload: string, requestId: string, clockOffsetMs: number): Promise<Outcome> {
    const limit = this.#concurrency.reserved ?? ACCOUNT_CONCURRENCY;
    if (this.#invocations >= limit)
      throw new ServiceError(429, 'TooManyRequestsException', 'Rate Exceeded.', {
        Reason: 'ReservedFunctionConcurrentInvocationLimitExceeded',
      });
    this.#invocations += 1;
    try {
      const environment = await this.#take();
      if (!environment) return STOPPED;
      this.#payloads.set(environment, payload);
      const outcome = await environment.invoke(payload, requestId, clockOffsetMs);
      this.#payloads.delete(environment);
      this.#giveBack(environment);
      return outcome;
    } finally {
      this.#invocations -= 1;
    }
  }

  /** Ends every environment; what runs or waits fails. */
  stop(): void {
    this.#isStopped = true;
    for (const environment of this.#all) environment.kill();
    this.#all.clear();
    this.#idle.length = 0;
    for (const goOn of this.#waiting.splice(0)) goOn(undefined);
  }

  /**
   * Every environment dies at this moment, as machines do; what it was at fails, and others take its place.
   * @returns the payloads of what they were at.
   */
  crash(): readonly string[] {
    const interrupted = [...this.#payloads.values()];
    for (const environment of this.#all) environment.kill();
    return interrupted;
  }

  #take(): Promise<ExecutionEnvironment | undefined> | ExecutionEnvironment | undefined {
    if (this.#isStopped) return undefined;
    for (let idle = this.#idle.pop(); idle; idle = this.#idle.pop()) {
      if (!idle.isDead) return idle;
      this.#all.delete(idle);
    }
    if (this.#all.size < this.#concurrency.environments) return this.#start();
    return new Promise((resolve) => this.#waiting.push(resolve));
  }

  #start(): ExecutionEnvironment {
    const environment = new ExecutionEnvironment(this.#image, randomUUID(), this.#hooks);
    this.#all.add(environment);
    return environment;
  }

  #giveBack(environment: ExecutionEnvironment): void {
    if (environment.isDead) this.#all.delete(environment);
    const next = this.#waiting.shift();
    if (next) next(environment.isDead ? this.#start() : environment);
    else if (!environment.isDead) this.#idle.push(environment);
  }
}
