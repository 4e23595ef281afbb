import { type ChildProcess, spawn } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import type { AddressInfo } from 'node:net';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';

export interface LocalStart {
  readonly what: string;
  readonly seconds: number;
}

const GIVE_UP_MS = 180_000;

/** `npm start` on a folder without state, and again on what the first start left. */
export async function measureLocalStarts(spec: ModelSpec): Promise<LocalStart[]> {
  const state = mkdtempSync(join(tmpdir(), 'slipway-bench-'));
  try {
    const measured: LocalStart[] = [];
    for (const what of ['first start: three models trained and registered', 'start on kept state'])
      measured.push({ what, seconds: await timeStart(state, spec) });
    return measured;
  } finally {
    rmSync(state, { recursive: true, force: true });
  }
}

/** Seconds from `npm start` to the first answered prediction. */
async function timeStart(state: string, spec: ModelSpec): Promise<number> {
  const port = await freePort();
  const started = performance.now();
  const child = spawn('npm', ['start', '--', '--port', String(port), '--state', state], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // A group of its own, so that a signal reaches what npm started as Ctrl-C does.
    detached: true,
  });
  try {
    const apiKey = await readApiKey(child);
    await predict(`http://127.0.0.1:${port}`, apiKey, spec);
    return (performance.now() - started) / 1000;
  } finally {
    await interrupt(child);
  }
}

async function readApiKey(child: ChildProcess): Promise<string> {
  const { promise, resolve, reject } = Promise.withResolvers<string>();
  let said = '';
  const listen = (chunk: Buffer): void => {
    said += chunk.toString('utf8');
    const [, key] = /API key: (\S+)/.exec(said) ?? [];
    if (key) resolve(key);
  };
  child.stdout?.on('data', listen);
  child.stderr?.on('data', listen);
  child.once('exit', (code) => reject(new Error(`npm start ended with ${code}:\n${said}`)));
  const timer = setTimeout(
    () => reject(new Error(`npm start printed no API key within ${GIVE_UP_MS} ms:\n${said}`)),
    GIVE_UP_MS,
  );
  return promise.finally(() => clearTimeout(timer));
}

async function predict(url: string, apiKey: string, { name, example }: ModelSpec): Promise<void> {
  const response = await fetch(`${url}/v1/models/${name}/predict`, {
    method: 'POST',
    headers: { 'x-api-key': apiKey, 'content-type': 'application/json' },
    body: JSON.stringify(example),
  });
  if (!response.ok) throw new Error(`answered ${response.status}: ${await response.text()}`);
}

async function interrupt(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.pid === undefined) return;
  const { promise, resolve } = Promise.withResolvers<void>();
  child.once('exit', () => resolve());
  process.kill(-child.pid, 'SIGINT');
  await promise;
}

async function freePort(): Promise<number> {
  const server = createServer();
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  const { port } = server.address() as AddressInfo;
  await new Promise((done) => server.close(done));
  return port;
}
