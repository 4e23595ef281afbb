import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import type { FunctionImage } from '../../infra/local/workers/environment.ts';
import { EnvironmentPool } from '../../infra/local/workers/environment-pool.ts';
import { until } from '../builders/running-stack.ts';

const folder = mkdtempSync(join(tmpdir(), 'slipway-env-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

let pool: EnvironmentPool;
let lines: string[];
let pids: number[];
afterEach(() => pool.stop());

/** A pool whose function has this body; `event` and `context` are its arguments. */
function aPool(
  body: string,
  image: Partial<FunctionImage> = {},
  concurrency: { environments?: number; reserved?: number } = {},
): EnvironmentPool {
  const codeFolder = mkdtempSync(join(folder, 'code-'));
  writeFileSync(
    join(codeFolder, 'index.cjs'),
    `let calls = 0; exports.handler = async (event, context) => { calls += 1; ${body} };`,
  );
  mkdirSync(join(folder, 'tmp'), { recursive: true });
  const [ownLines, ownPids]: [string[], number[]] = [[], []];
  // What a killed environment of the test before still had in its pipe must not count here.
  [lines, pids] = [ownLines, ownPids];
  pool = new EnvironmentPool(
    {
      name: 'f',
      arn: 'arn:aws:lambda:us-east-1:000000000000:function:f',
      codeFolder,
      layerFolders: [],
      handler: 'index.handler',
      environment: { COLOUR: 'red' },
      memoryMb: 128,
      timeoutMs: 20_000,
      temporaryFolder: join(folder, 'tmp'),
      ...image,
    },
    {
      onLine: (line) => void ownLines.push(line),
      onStart: (pid) => void ownPids.push(pid),
      onExit: () => undefined,
    },
    { environments: concurrency.environments ?? 1, reserved: concurrency.reserved },
  );
  return pool;
}

const invoke = (event: unknown = {}, requestId = 'r1') =>
  pool.invoke(JSON.stringify(event), requestId, 0);
const failureOf = async (attempt: ReturnType<typeof invoke>) => {
  const outcome = await attempt;
  return outcome.kind === 'failed' ? outcome.failure : expect.fail('it answered');
};

describe('an execution environment', () => {
  test('answers with the event, the context and the environment', async () => {
    aPool(
      'return { event, colour: process.env.COLOUR, leaked: process.env.HOME ?? null, id: context.awsRequestId, left: context.getRemainingTimeInMillis() > 0 }',
    );
    const outcome = await invoke({ a: 1 });
    expect(outcome.kind === 'answered' && JSON.parse(outcome.payload)).toEqual({
      event: { a: 1 },
      colour: 'red',
      leaked: null,
      id: 'r1',
      left: true,
    });
  });

  test('is kept warm and does nothing between invocations', async () => {
    aPool('if (calls === 1) setInterval(() => process.stdout.write("tick\\n"), 1); return calls');
    await invoke();
    const status = () => readFileSync(`/proc/${pids[0]}/status`, 'utf8');
    if (process.platform === 'linux') await until(() => /State:\s+T/.test(status()));
    expect(await invoke({}, 'r2')).toEqual({ kind: 'answered', payload: '2' });
  });

  test('has every line of an invocation logged before its answer, in order, U+2028 included', async () => {
    aPool(
      'for (let i = 0; i < 500; i++) process.stdout.write("line " + i + "\\u2028 end\\n"); console.log("last"); return null',
    );
    await invoke();
    expect(lines).toEqual([
      ...Array.from({ length: 500 }, (_, at) => `line ${at}\u2028 end`),
      'last',
    ]);
  });

  test('that throws says what and goes on', async () => {
    aPool('if (calls === 1) throw new TypeError("no such thing"); return calls');
    expect(await failureOf(invoke())).toMatchObject({
      errorType: 'TypeError',
      errorMessage: 'no such thing',
    });
    expect(await invoke({}, 'r2')).toEqual({ kind: 'answered', payload: '2' });
  });

  test.each([
    ['exits', 'process.exit(3)', 'Runtime.ExitError', /status 3/],
    [
      'is killed by a native crash',
      'process.kill(process.pid, "SIGSEGV"); await new Promise(() => {})',
      'Runtime.ExitError',
      /SIGSEGV/,
    ],
    ['blocks for ever', 'for (;;);', 'Sandbox.Timedout', /timed out after 1\.50 seconds/],
    [
      'runs out of memory',
      'const a = []; for (;;) a.push(new Array(1e6).fill(Math.random()))',
      'Runtime.ExitError',
      /SIG|status/,
    ],
  ])('that %s is replaced by a fresh one', async (_, body, errorType, message) => {
    // The fresh one has as long to answer, which on two busy cores is a while.
    const image = errorType === 'Sandbox.Timedout' ? { timeoutMs: 1_500 } : { memoryMb: 32 };
    aPool(`if (event.isBad) { ${body} } return calls`, image);
    expect(await failureOf(invoke({ isBad: true }))).toMatchObject({
      errorType,
      errorMessage: expect.stringMatching(message),
    });
    expect(await invoke({}, 'r2')).toEqual({ kind: 'answered', payload: '1' });
  });

  test('whose code does not load fails every invocation with the reason', async () => {
    aPool('', { handler: 'index.missing' });
    expect(await failureOf(invoke())).toMatchObject({ errorType: 'Runtime.HandlerNotFound' });
  });
});

describe('concurrency', () => {
  test('starts environments up to the limit, then requests wait their turn', async () => {
    aPool(
      'await new Promise((resolve) => setTimeout(resolve, 5)); return 0',
      {},
      { environments: 2 },
    );
    const outcomes = await Promise.all(Array.from({ length: 10 }, (_, at) => invoke({}, `r${at}`)));
    expect(outcomes.every(({ kind }) => kind === 'answered')).toBe(true);
    expect(pids).toHaveLength(2);
  });

  test('above what is reserved is throttled', async () => {
    aPool('return 0', {}, { environments: 2, reserved: 1 });
    const first = invoke();
    await expect(invoke({}, 'r2')).rejects.toMatchObject({
      status: 429,
      code: 'TooManyRequestsException',
    });
    expect(await first).toEqual({ kind: 'answered', payload: '0' });
  });
});
