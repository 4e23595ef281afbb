import { type ChildProcess, spawn } from 'node:child_process';
import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { serveLinear, startStack, until } from '../builders/running-stack.ts';

const root = join(import.meta.dirname, '../..');
let folder: string;
let state: string;

/** `npm start` in a process of its own, over a state in which every model has a champion already. */
interface Running {
  readonly child: ChildProcess;
  readonly url: string;
  readonly apiKey: string;
  readonly output: () => string;
}

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'slipway-'));
  state = join(folder, 'state');
  const stack = await startStack([cardFraud, deliveryTime, searchRanking], {}, folder);
  for (const spec of [cardFraud, deliveryTime, searchRanking])
    await serveLinear(stack, spec, { bias: 3 });
  await stack.stop();
});
afterAll(() => rmSync(folder, { recursive: true, force: true, maxRetries: 5 }));

function spawnRunner(
  port: number,
  stateFolder = state,
): { child: ChildProcess; output: () => string } {
  const child = spawn(
    process.execPath,
    [join(root, 'infra/local/run.ts'), '--port', String(port), '--state', stateFolder],
    { cwd: root, stdio: ['ignore', 'pipe', 'pipe'] },
  );
  let text = '';
  for (const stream of [child.stdout, child.stderr])
    stream?.on('data', (chunk: Buffer) => (text += chunk.toString()));
  return { child, output: () => text };
}

async function start(port: number): Promise<Running> {
  const { child, output } = spawnRunner(port);
  await until(() => /API key: \w+/.test(output()) || child.exitCode !== null, 60_000);
  const apiKey = /API key: (\w+)/.exec(output())?.[1];
  const url = /on (http:\S+)/.exec(output())?.[1];
  if (!apiKey || !url) throw new Error(`npm start did not come up:\n${output()}`);
  return { child, url, apiKey, output };
}

async function ask({ url, apiKey }: Running): Promise<string> {
  const response = await fetch(`${url}/v1/models/delivery-time/predict`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(deliveryTime.example),
  });
  expect(response.status).toBe(200);
  const { predictionId } = (await response.json()) as { predictionId: string };
  return predictionId;
}

const loggedIn = (): string =>
  readFileSync(
    join(
      state,
      'logs',
      readdirSync(join(state, 'logs')).find(
        (name) => name.includes('serve.request.delivery-time') && name.endsWith('.ndjson'),
      ) ?? '',
    ),
    'utf8',
  );

/** Processes whose command line or environment belongs to this test's folder. */
const leftOver = (): string[] =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      return (
        readFileSync(`/proc/${pid}/environ`, 'utf8').includes(state) ||
        readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes(state)
      );
    } catch {
      return false;
    }
  });

/** The runner's reaper, which is to be replaced when somebody kills it. */
const reapersOf = async (runner: number): Promise<string[]> =>
  readdirSync('/proc').filter((pid) => {
    if (!/^\d+$/.test(pid)) return false;
    try {
      const isChild = new RegExp(`^PPid:\\s+${runner}$`, 'm').test(
        readFileSync(`/proc/${pid}/status`, 'utf8'),
      );
      return isChild && readFileSync(`/proc/${pid}/cmdline`, 'utf8').includes('reaper.ts');
    } catch {
      return false;
    }
  });

/**
 * A port that nobody has now; the runner is told which, as its user would. None of those that the system
 * gives to whoever asks for any, such as the tests beside this one.
 */
async function freePort(): Promise<number> {
  for (;;) {
    const port = randomInt(15_000, 30_000);
    const probe = createServer().listen(port, '127.0.0.1');
    const isFree = await once(probe, 'listening').then(
      () => true,
      () => false,
    );
    if (!isFree) continue;
    probe.close();
    await once(probe, 'close');
    return port;
  }
}

describe.runIf(process.platform === 'linux')('npm start', () => {
  test('killed at any moment loses nothing it has answered, leaves no process, and starts again', async () => {
    const port = await freePort();
    const first = await start(port);
    const answered: string[] = [];
    const callers = Array.from({ length: 8 }, async () => {
      for (;;) {
        const id = await ask(first).catch(() => undefined);
        if (id === undefined) return;
        answered.push(id);
      }
    });
    await until(() => answered.length > 40);
    const reapers = await reapersOf(first.child.pid ?? 0);
    process.kill(Number(reapers[0]), 'SIGKILL');
    await until(async () =>
      (await reapersOf(first.child.pid ?? 0)).some((pid) => !reapers.includes(pid)),
    );
    first.child.kill('SIGKILL');
    await once(first.child, 'exit');
    await Promise.all(callers);
    const log = loggedIn();
    expect(answered.filter((id) => !log.includes(id))).toEqual([]);
    await until(() => leftOver().length === 0);

    const second = await start(port);
    expect(second.apiKey).toBe(first.apiKey);
    await ask(second);
    second.child.kill('SIGINT');
    const [code] = await once(second.child, 'exit');
    expect(code).toBe(0);
    await until(() => leftOver().length === 0);
  });

  test('on a taken port says who holds it; on a used state folder too', async () => {
    const port = await freePort();
    const first = await start(port);
    const again = spawnRunner(port, join(folder, 'other'));
    // Not `exit`: what it said last may still be in the pipes then.
    await once(again.child, 'close');
    expect(again.child.exitCode).toBe(1);
    expect(again.output()).toMatch(
      new RegExp(`port ${port} is taken by process ${first.child.pid} \\(.*run\\.ts`),
    );
    const beside = spawnRunner(await freePort());
    await once(beside.child, 'close');
    expect(beside.output()).toMatch(
      new RegExp(`in use by another Slipway: process ${first.child.pid}`),
    );
    first.child.kill('SIGTERM');
    await once(first.child, 'exit');
  });
});
