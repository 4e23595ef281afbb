import { randomUUID } from 'node:crypto';
import { join } from 'node:path';
import type { Clock } from '../clock.ts';
import { type AsyncEvent, AsyncQueue } from '../workers/async-queue.ts';
import type { Outcome } from '../workers/environment.ts';
import { notEmulated, readBody } from './aws-json.ts';
import {
  type Call,
  type Emulator,
  type Principal,
  type Reply,
  type Resource,
  ServiceError,
} from './emulator.ts';
import { failureRecord } from './lambda-destinations.ts';
import {
  type EmulatedFunction,
  emulateFunction,
  type FunctionHost,
  nameIn,
} from './lambda-functions.ts';
import { type InvocationMetrics, measureInvocation } from './lambda-metrics.ts';
import { LAMBDA_TYPES } from './lambda-types.ts';
import type { Authorizer } from './policy.ts';

export interface LambdaOptions extends FunctionHost {
  readonly clock: Clock;
  readonly authorizer: () => Authorizer;
  /** Takes an event that failed for good. */
  readonly onFailure: (
    destinationArn: string,
    record: string,
    functionArn: string,
  ) => Promise<void>;
  /** Told of each invocation, as Lambda publishes metrics of it. */
  readonly onInvocation: (functionName: string, invocation: InvocationMetrics) => void;
  readonly onFault: (fault: unknown) => void;
}

/** Lambda refuses larger events and answers. */
const SYNCHRONOUS_BYTES = 6 * 1024 * 1024;
const ASYNCHRONOUS_BYTES = 1024 * 1024;

/** Lambda begins with this when an asynchronous event is throttled. */
const THROTTLED_PAUSE_MS = 1000;

const INVOKE = /^\/2015-03-31\/functions\/([^/]+)\/invocations$/;

/** Functions in child processes, from the very assets that deploy. */
export class LambdaEmulator implements Emulator {
  readonly signingName = 'lambda';
  readonly types = LAMBDA_TYPES;
  readonly #options: LambdaOptions;
  readonly #queue: AsyncQueue;
  readonly #functions = new Map<string, EmulatedFunction>();
  readonly #pending = new Set<Promise<void>>();
  readonly #stopping = new AbortController();

  constructor(options: LambdaOptions) {
    this.#options = options;
    this.#queue = new AsyncQueue(join(options.folder, 'async'));
  }

  async start(resources: readonly Resource[]): Promise<void> {
    for (const resource of resources)
      if (resource.type === 'AWS::Lambda::Function')
        this.#functions.set(resource.ref, emulateFunction(resource, resources, this.#options));
    for (const event of this.#queue.unfinished()) this.#runInBackground(event);
  }

  async handle(call: Call): Promise<Reply> {
    const named = call.method === 'POST' ? INVOKE.exec(decodeURIComponent(call.path)) : null;
    if (!named?.[1]) throw notEmulated('Lambda', `${call.method} ${call.path}`, ['Invoke']);
    const emulated = this.#find(named[1]);
    call.authorize('lambda:InvokeFunction', emulated.arn);
    const body = await readBody(call, SYNCHRONOUS_BYTES);
    const payload = body.length === 0 ? '{}' : jsonIn(body);
    if (call.headers['x-amz-invocation-type'] === 'Event') {
      this.enqueue(emulated.arn, payload);
      return { status: 202, headers: {}, body: '' };
    }
    const outcome = await this.#invoke(emulated, payload, randomUUID());
    const headers = { 'content-type': 'application/json', 'x-amz-executed-version': '$LATEST' };
    if (outcome.kind === 'answered') return { status: 200, headers, body: outcome.payload };
    return {
      status: 200,
      headers: { ...headers, 'x-amz-function-error': 'Unhandled' },
      body: JSON.stringify(outcome.failure),
    };
  }

  /**
   * Invokes on behalf of a service, as API Gateway does.
   * @throws ServiceError 403 unless the function's own policy lets the service in, 413 or 429 at a limit.
   */
  async invokeAs(
    service: string,
    functionArn: string,
    payload: string,
    sourceArn: string,
  ): Promise<Outcome> {
    const emulated = this.#admit(service, functionArn, sourceArn);
    if (Buffer.byteLength(payload) > SYNCHRONOUS_BYTES) throw tooLarge(SYNCHRONOUS_BYTES);
    return this.#invoke(emulated, payload, randomUUID());
  }

  /** Invokes in a role, as Step Functions does. @throws ServiceError 403 unless the role may. */
  async invokeIn(
    role: Principal,
    authorizer: Authorizer,
    nameOrArn: string,
    payload: string,
  ): Promise<Outcome> {
    const emulated = this.#find(nameOrArn);
    authorizer.authorize(role, 'lambda:InvokeFunction', emulated.arn);
    if (Buffer.byteLength(payload) > SYNCHRONOUS_BYTES) throw tooLarge(SYNCHRONOUS_BYTES);
    return this.#invoke(emulated, payload, randomUUID());
  }

  /** Accepts an asynchronous event on behalf of a service; it is on disk when this returns. */
  enqueueAs(service: string, functionArn: string, payload: string, sourceArn: string): void {
    this.#admit(service, functionArn, sourceArn);
    this.enqueue(functionArn, payload);
  }

  enqueue(functionArn: string, payload: string): void {
    if (Buffer.byteLength(payload) > ASYNCHRONOUS_BYTES) throw tooLarge(ASYNCHRONOUS_BYTES);
    this.#find(functionArn);
    this.#runInBackground(this.#queue.accept(nameIn(functionArn), payload));
  }

  /** Invokes for an event source, which the function's role and not its policy admits. */
  async invokeForSource(functionArn: string, payload: string): Promise<Outcome> {
    return this.#invoke(this.#find(functionArn), payload, randomUUID());
  }

  /** Kills a function's environments in the middle of what they do. @returns the payloads of that. */
  crash(nameOrArn: string): readonly string[] {
    return this.#find(nameOrArn).pool.crash();
  }

  /** Resolves when every accepted asynchronous event is over. */
  async settled(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const { pool } of this.#functions.values()) pool.stop();
    await Promise.all(this.#pending);
  }

  #find(nameOrArn: string): EmulatedFunction {
    const found = this.#functions.get(nameIn(nameOrArn));
    if (!found)
      throw new ServiceError(404, 'ResourceNotFoundException', `Function not found: ${nameOrArn}`);
    return found;
  }

  #admit(service: string, functionArn: string, sourceArn: string): EmulatedFunction {
    const emulated = this.#find(functionArn);
    const principal: Principal = { kind: 'service', service };
    this.#options.authorizer().authorize(principal, 'lambda:InvokeFunction', functionArn, {
      'aws:SourceArn': sourceArn,
      'aws:SourceAccount': sourceArn.split(':')[4],
    });
    return emulated;
  }

  async #invoke(
    { name, pool }: EmulatedFunction,
    payload: string,
    requestId: string,
  ): Promise<Outcome> {
    const { clock, onInvocation } = this.#options;
    const outcome = await measureInvocation(
      () => pool.invoke(payload, requestId, clock.nowMs() - Date.now()),
      (measured) => onInvocation(name, { ...measured, ConcurrentExecutions: pool.invocations + 1 }),
    );
    if (outcome.kind === 'failed' || Buffer.byteLength(outcome.payload) <= SYNCHRONOUS_BYTES)
      return outcome;
    const errorMessage = `Response payload size exceeded maximum allowed payload size (${SYNCHRONOUS_BYTES} bytes).`;
    return {
      kind: 'failed',
      failure: { errorType: 'Function.ResponseSizeTooLarge', errorMessage },
    };
  }

  #runInBackground(event: AsyncEvent): void {
    const run = this.#attempt(event)
      .catch(this.#options.onFault)
      .finally(() => this.#pending.delete(run));
    this.#pending.add(run);
  }

  /** Cut short when the runner stops: the event is on disk and its next start takes it up. */
  async #pause(durationMs: number): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    const timer = setTimeout(resolve, durationMs);
    this.#stopping.signal.addEventListener('abort', () => resolve(), { once: true });
    await promise;
    clearTimeout(timer);
  }

  /** A throttled event waits and uses up no attempt. @returns nothing when the runner stops. */
  async #invokeInTurn(
    emulated: EmulatedFunction,
    { payload, requestId }: AsyncEvent,
  ): Promise<Outcome | undefined> {
    while (!this.#stopping.signal.aborted) {
      try {
        return await this.#invoke(emulated, payload, requestId);
      } catch (failure) {
        if (!(failure instanceof ServiceError) || failure.status !== 429) throw failure;
        await this.#pause(THROTTLED_PAUSE_MS);
      }
    }
    return undefined;
  }

  async #attempt(event: AsyncEvent): Promise<void> {
    const emulated = this.#find(event.functionName);
    for (let attempt = 0; ; attempt += 1) {
      const outcome = await this.#invokeInTurn(emulated, event);
      // Kept on disk: the next start runs it again.
      if (!outcome || this.#stopping.signal.aborted) return;
      if (outcome.kind === 'answered') break;
      if (attempt < emulated.retries) {
        await this.#pause(this.#options.retryDelaysMs[attempt] ?? 0);
        if (this.#stopping.signal.aborted) return;
        continue;
      }
      if (emulated.failureDestination)
        await this.#options.onFailure(
          emulated.failureDestination,
          failureRecord(event, emulated.arn, outcome, {
            attempts: attempt + 1,
            atMs: this.#options.clock.nowMs(),
          }),
          emulated.arn,
        );
      break;
    }
    this.#queue.finish(event);
  }
}

/** @throws ServiceError 400 for what the function could not be given as its event. */
function jsonIn(body: Buffer): string {
  const text = body.toString('utf8');
  try {
    JSON.parse(text);
    return text;
  } catch (cause) {
    throw new ServiceError(
      400,
      'InvalidRequestContentException',
      `Could not parse request body into json: ${String(cause)}`,
    );
  }
}

const tooLarge = (limitBytes: number): ServiceError =>
  new ServiceError(
    413,
    'RequestTooLargeException',
    `Request must be smaller than ${limitBytes} bytes for the InvokeFunction operation`,
  );
