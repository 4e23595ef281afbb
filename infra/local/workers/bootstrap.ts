/**
 * The first code of an execution environment: loads the bundle's handler and runs one invocation at a
 * time. It knows nothing of Slipway; the environment variables are those that Lambda sets.
 */
import { createRequire } from 'node:module';
import { join } from 'node:path';
import {
  endOfInvocation,
  type FromEnvironment,
  type FunctionFailure,
  type Invoke,
} from './protocol.ts';

type Handler = (event: unknown, context: object) => unknown;

const send = (message: FromEnvironment): Promise<void> =>
  new Promise((resolve, reject) => {
    process.send?.(message, undefined, {}, (error) => (error ? reject(error) : resolve()));
  });

const failureOf = (error: unknown): FunctionFailure =>
  error instanceof Error
    ? { errorType: error.name, errorMessage: error.message, trace: (error.stack ?? '').split('\n') }
    : { errorType: typeof error, errorMessage: String(error) };

function loadHandler(): Handler {
  const [file = 'index', name = 'handler'] = (process.env['_HANDLER'] ?? '').split('.');
  const root = process.env['LAMBDA_TASK_ROOT'] ?? '.';
  const loaded: unknown = createRequire(join(root, 'package.json'))(join(root, `${file}.cjs`));
  const handler =
    typeof loaded === 'object' && loaded !== null ? Reflect.get(loaded, name) : undefined;
  if (typeof handler === 'function') return handler as Handler;
  throw Object.assign(new Error(`${file}.${name} is undefined or not exported`), {
    name: 'Runtime.HandlerNotFound',
  });
}

const contextOf = (invoke: Invoke) => ({
  awsRequestId: invoke.requestId,
  functionName: process.env['AWS_LAMBDA_FUNCTION_NAME'],
  functionVersion: '$LATEST',
  invokedFunctionArn: invoke.functionArn,
  memoryLimitInMB: process.env['AWS_LAMBDA_FUNCTION_MEMORY_SIZE'],
  logGroupName: process.env['AWS_LAMBDA_LOG_GROUP_NAME'],
  logStreamName: process.env['AWS_LAMBDA_LOG_STREAM_NAME'],
  callbackWaitsForEmptyEventLoop: false,
  getRemainingTimeInMillis: () => Math.max(0, invoke.deadlineMs - Date.now()),
});

async function run(handler: Handler, invoke: Invoke): Promise<FromEnvironment> {
  const { requestId } = invoke;
  try {
    const answered = await handler(JSON.parse(invoke.payload), contextOf(invoke));
    return { type: 'answered', requestId, payload: JSON.stringify(answered ?? null) };
  } catch (error) {
    return { type: 'threw', requestId, failure: failureOf(error) };
  }
}

function serve(handler: Handler): void {
  process.on('message', (invoke: Invoke) => void answer(handler, invoke));
}

async function answer(handler: Handler, invoke: Invoke): Promise<void> {
  process.env['CLOCK_OFFSET_MS'] = String(invoke.clockOffsetMs);
  const outcome = await run(handler, invoke);
  // Standard output is a pipe, which Node writes synchronously: everything logged is ahead of this.
  process.stdout.write(`${endOfInvocation(invoke.requestId)}\n`);
  await send(outcome);
}

process.on('disconnect', () => process.exit(0));
try {
  serve(loadHandler());
  await send({ type: 'ready' });
} catch (error) {
  await send({ type: 'init-failed', failure: failureOf(error) });
}
