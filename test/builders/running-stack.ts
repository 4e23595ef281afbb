import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { OperatorClient } from '../../infra/cli/operator-client.ts';
import { VirtualClock } from '../../infra/local/clock.ts';
import {
  type LocalStack,
  type LocalStackOptions,
  startLocalStack,
} from '../../infra/local/local-stack.ts';
import { StateFolder } from '../../infra/local/state-folder.ts';
import { buildApp } from './assembly.ts';
import { linearGraph } from './linear-graph.ts';

export interface RunningStack extends LocalStack {
  readonly operator: LocalStack['operator'];
  readonly client: OperatorClient;
  readonly clock: VirtualClock;
  readonly faults: unknown[];
  readonly folder: string;
  /** A call with the first API key. */
  call(
    method: string,
    path: string,
    body?: unknown,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Called>;
  /** Stops the stack and deletes what it kept. */
  dispose(): Promise<void>;
}

export interface Called {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
  readonly json: Readonly<Record<string, unknown>>;
}

type Overrides = Partial<
  Pick<LocalStackOptions, 'container' | 'environments' | 'retryDelaysMs' | 'port'>
> & {
  /** When the virtual clock begins; now unless said. */
  readonly startsAt?: string;
};

/** Worlds differ by hour and weekday: who asks them begins here, and sees the same whenever it is run. */
export const MONDAY_MORNING = '2026-11-30T06:00:00Z';

/** A stack with the given models on a state folder of its own. @param settings as given by `cdk -c`. */
export async function startStack(
  specs: readonly ModelSpec[],
  overrides: Overrides = {},
  folder = mkdtempSync(join(tmpdir(), 'slipway-')),
  settings: Readonly<Record<string, unknown>> = {},
): Promise<RunningStack> {
  const assembly = join(folder, 'cdk.out');
  buildApp(specs, assembly, settings).app.synth();
  return startOver(assembly, folder, overrides);
}

/** Runs an assembly that is there already, over whatever state is in the folder. */
export async function startOver(
  assembly: string,
  folder: string,
  { startsAt, ...overrides }: Overrides = {},
): Promise<RunningStack> {
  const clock = new VirtualClock(startsAt === undefined ? Date.now() : Date.parse(startsAt));
  const faults: unknown[] = [];
  const stack = await startLocalStack({
    assembly,
    state: new StateFolder(join(folder, 'state')),
    clock,
    port: 0,
    retryDelaysMs: [10, 10],
    onFault: (fault) => void faults.push(fault),
    ...overrides,
  });
  return {
    ...stack,
    clock,
    faults,
    folder,
    client: new OperatorClient({
      url: stack.url,
      region: stack.place.region,
      credentials: stack.operator,
    }),
    call: (method, path, body, headers = {}) => call(stack, method, path, body, headers),
    async dispose() {
      await stack.stop();
      // Functions that were killed may still be dying over a file of theirs.
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function call(
  { url, apiKeys }: LocalStack,
  method: string,
  path: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
): Promise<Called> {
  const isRaw = typeof body === 'string' || body instanceof Uint8Array;
  const response = await fetch(`${url}${path}`, {
    method,
    headers: {
      'x-api-key': apiKeys[0] ?? '',
      ...(body !== undefined && !isRaw && { 'content-type': 'application/json' }),
      ...headers,
    },
    ...(body !== undefined && { body: isRaw ? body : JSON.stringify(body) }),
  });
  const text = await response.text();
  const isJson = response.headers.get('content-type')?.startsWith('application/json');
  return {
    status: response.status,
    headers: response.headers,
    text,
    json: isJson ? JSON.parse(text) : {},
  };
}

/** Registers a linear graph and makes it the champion. @returns its version. */
export async function serveLinear(
  stack: RunningStack,
  spec: ModelSpec,
  graph: Parameters<typeof linearGraph>[1] = {},
): Promise<string> {
  const { version } = await stack.client.register(
    spec.name,
    linearGraph(spec, graph),
    'made by a test',
  );
  const route = await stack.client.route(spec.name);
  await stack.client.setChampion(spec.name, version, route?.epoch ?? 0, 'for a test');
  return version;
}

/**
 * Waits until a condition holds, looking every few milliseconds, and no more than half of the time: what is
 * waited for needs the machine too. @throws after `withinMs`.
 */
export async function until(
  holds: () => boolean | Promise<boolean>,
  withinMs = 40_000,
): Promise<void> {
  const giveUpAt = performance.now() + withinMs;
  for (let startedAt = performance.now(); !(await holds()); startedAt = performance.now()) {
    const now = performance.now();
    if (now > giveUpAt) throw new Error(`still not so after ${withinMs} ms: ${holds.toString()}`);
    await new Promise((resolve) => setTimeout(resolve, Math.max(5, now - startedAt)));
  }
}
