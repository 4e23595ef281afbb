import { type ChildProcess, spawn } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Readable } from 'node:stream';
import {
  endOfInvocation,
  type FromEnvironment,
  type FunctionFailure,
  type Invoke,
} from './protocol.ts';

/** What an execution environment of one function is made from. */
export interface FunctionImage {
  readonly name: string;
  readonly arn: string;
  /** Unpacked code. */
  readonly codeFolder: string;
  /** Unpacked layers, in order. */
  readonly layerFolders: readonly string[];
  readonly handler: string;
  readonly environment: Readonly<Record<string, string>>;
  readonly memoryMb: number;
  readonly timeoutMs: number;
  /** Where /tmp is for the function: each environment gets a folder of its own below it. */
  readonly temporaryFolder: string;
}

export type Outcome =
  | { readonly kind: 'answered'; readonly payload: string }
  | { readonly kind: 'failed'; readonly failure: FunctionFailure };

export interface EnvironmentHooks {
  /** One line of standard output or standard error. */
  onLine(line: string, streamName: string): void;
  onStart(pid: number): void;
  onExit(pid: number): void;
}

const BOOTSTRAP = join(import.meta.dirname, 'bootstrap.ts');
/**
 * Lambda gives initialisation this long. What takes longer is begun again, and must then fit the time-out of
 * the function; here it goes on, and must fit that from its beginning.
 * https://docs.aws.amazon.com/lambda/latest/dg/lambda-runtime-environment.html
 */
const INIT_TIMEOUT_MS = 10_000;

const failed = (errorType: string, errorMessage: string): Outcome => ({
  kind: 'failed',
  failure: { errorType, errorMessage },
});

interface Running {
  readonly requestId: string;
  readonly settle: (outcome: Outcome) => void;
  /** The answer and the end of the log arrive on different pipes; the invocation is over with both. */
  outcome?: Outcome;
  isLogComplete: boolean;
}

/**
 * One execution environment: a child process that runs one invocation at a time and is stopped between
 * them, as Lambda freezes it. A child, not a worker thread: ONNX Runtime aborts its whole process when a
 * thread is ended during a run.
 */
export class ExecutionEnvironment {
  readonly streamName: string;
  readonly #image: FunctionImage;
  readonly #hooks: EnvironmentHooks;
  readonly #child: ChildProcess;
  readonly #ready = Promise.withResolvers<Outcome | undefined>();
  #running: Running | undefined;
  #isDead = false;

  constructor(image: FunctionImage, id: string, hooks: EnvironmentHooks) {
    this.#image = image;
    this.#hooks = hooks;
    this.streamName = id;
    this.#child = this.#spawn();
  }

  get isDead(): boolean {
    return this.#isDead;
  }

  async invoke(payload: string, requestId: string, clockOffsetMs: number): Promise<Outcome> {
    const initFailure = await this.#initialised(requestId);
    if (initFailure) return initFailure;
    this.#signal('SIGCONT');
    const { promise, resolve } = Promise.withResolvers<Outcome>();
    this.#running = { requestId, settle: resolve, isLogComplete: false };
    const timer = setTimeout(() => this.#timeOut(requestId), this.#image.timeoutMs);
    const deadlineMs = Date.now() + this.#image.timeoutMs;
    const message: Invoke = {
      type: 'invoke',
      requestId,
      payload,
      functionArn: this.#image.arn,
      deadlineMs,
      clockOffsetMs,
    };
    this.#child.send(message, () => undefined);
    const outcome = await promise;
    clearTimeout(timer);
    this.#running = undefined;
    this.#signal('SIGSTOP');
    return outcome;
  }

  kill(): void {
    this.#isDead = true;
    this.#child.kill('SIGKILL');
  }

  #spawn(): ChildProcess {
    const { memoryMb, temporaryFolder } = this.#image;
    const folder = join(temporaryFolder, this.streamName);
    mkdirSync(folder, { recursive: true });
    const child = spawn(
      process.execPath,
      [`--max-old-space-size=${memoryMb}`, '--disable-warning=ExperimentalWarning', BOOTSTRAP],
      {
        env: this.#variables(folder),
        stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
        serialization: 'advanced',
      },
    );
    if (child.pid !== undefined) this.#hooks.onStart(child.pid);
    child.on('message', (message) => this.#receive(message as FromEnvironment));
    child.on('error', (error) =>
      this.#die(`the environment could not be started: ${error.message}`),
    );
    // Not `exit`: what was logged before the end is still in the pipes then.
    child.on('close', (code, signal) =>
      this.#die(`Runtime exited with ${signal ? `signal ${signal}` : `status ${code}`}`),
    );
    for (const stream of [child.stdout, child.stderr])
      if (stream) eachLine(stream, (line) => this.#readLine(line));
    return child;
  }

  #variables(folder: string): Record<string, string> {
    const { name, codeFolder, layerFolders, handler, environment, memoryMb } = this.#image;
    return {
      ...environment,
      TMPDIR: folder,
      // Lambda's PATH holds its own node only; the environment gets this process's.
      PATH: '/usr/local/bin:/usr/bin:/bin',
      NODE_PATH: layerFolders.map((layer) => join(layer, 'nodejs/node_modules')).join(':'),
      LAMBDA_TASK_ROOT: codeFolder,
      _HANDLER: handler,
      AWS_LAMBDA_FUNCTION_NAME: name,
      AWS_LAMBDA_FUNCTION_MEMORY_SIZE: String(memoryMb),
      AWS_LAMBDA_LOG_STREAM_NAME: this.streamName,
    };
  }

  /** Undefined once the handler is loaded; its failure otherwise. */
  async #initialised(requestId: string): Promise<Outcome | undefined> {
    const timer = setTimeout(
      () => {
        this.#ready.resolve(this.#timedOut(requestId));
        this.kill();
      },
      Math.max(INIT_TIMEOUT_MS, this.#image.timeoutMs),
    );
    const failure = await this.#ready.promise;
    clearTimeout(timer);
    return failure;
  }

  #receive(message: FromEnvironment): void {
    switch (message.type) {
      case 'ready':
        return this.#ready.resolve(undefined);
      case 'init-failed':
        this.#ready.resolve({ kind: 'failed', failure: message.failure });
        return this.kill();
      case 'answered':
        return this.#conclude(message.requestId, { kind: 'answered', payload: message.payload });
      case 'threw':
        return this.#conclude(message.requestId, { kind: 'failed', failure: message.failure });
    }
  }

  #readLine(line: string): void {
    const running = this.#running;
    if (!running || line !== endOfInvocation(running.requestId))
      return this.#hooks.onLine(line, this.streamName);
    running.isLogComplete = true;
    if (running.outcome) running.settle(running.outcome);
  }

  #conclude(requestId: string, outcome: Outcome): void {
    const running = this.#running;
    if (running?.requestId !== requestId) return;
    running.outcome = outcome;
    if (running.isLogComplete) running.settle(outcome);
  }

  #timeOut(requestId: string): void {
    this.#running?.settle(this.#timedOut(requestId));
    this.kill();
  }

  #timedOut(requestId: string): Outcome {
    const seconds = (this.#image.timeoutMs / 1000).toFixed(2);
    return failed(
      'Sandbox.Timedout',
      `RequestId: ${requestId} Error: Task timed out after ${seconds} seconds`,
    );
  }

  #die(reason: string): void {
    this.#isDead = true;
    if (this.#child.pid !== undefined) this.#hooks.onExit(this.#child.pid);
    const requestId = this.#running?.requestId ?? this.streamName;
    const outcome = failed('Runtime.ExitError', `RequestId: ${requestId} Error: ${reason}`);
    this.#ready.resolve(outcome);
    this.#running?.settle(outcome);
  }

  #signal(signal: 'SIGSTOP' | 'SIGCONT'): void {
    if (!this.#isDead) this.#child.kill(signal);
  }
}

/** Not node:readline, which ends a line at U+2028 too, and JSON may hold that. */
function eachLine(stream: Readable, take: (line: string) => void): void {
  let rest = '';
  stream.setEncoding('utf8');
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n');
    rest = lines.pop() ?? '';
    for (const line of lines) take(line);
  });
  stream.on('end', () => {
    if (rest !== '') take(rest);
  });
}
