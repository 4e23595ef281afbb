import { join } from 'node:path';
import { parseArgs } from 'node:util';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { OperatorClient } from '../cli/operator-client.ts';
import { readModelSpecs } from '../model-specs.ts';
import { VirtualClock } from './clock.ts';
import { callExamples } from './demo/call-examples.ts';
import { firstCandidates, registerFirstVersions, trainCandidates } from './demo/first-start.ts';
import { createProgress } from './demo/progress.ts';
import { WORLDS } from './demo/worlds/worlds.ts';
import { type LocalStack, startLocalStack } from './local-stack.ts';
import { describePortHolder } from './port-holder.ts';
import { StateFolder } from './state-folder.ts';
import { synthesize } from './synthesize.ts';

const root = join(import.meta.dirname, '../..');

const HELP = `npm start -- [--port 4040] [--state .slipway] [--clock-speed 1]

  --port         where the API listens; also SLIPWAY_PORT
  --state        folder that keeps everything between starts
  --clock-speed  virtual seconds per real second, for waits and schedules
`;

interface Settings {
  readonly port: number;
  readonly statePath: string;
  readonly clockSpeed: number;
}

function readSettings(): Settings {
  const { values } = parseArgs({
    options: {
      port: { type: 'string', default: process.env['SLIPWAY_PORT'] ?? '4040' },
      state: { type: 'string', default: join(root, '.slipway') },
      'clock-speed': { type: 'string', default: '1' },
      help: { type: 'boolean', short: 'h', default: false },
    },
  });
  if (values.help) {
    process.stdout.write(HELP);
    process.exit(0);
  }
  const port = Number(values.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new Error(`--port ${values.port} is no port: give a number from 0 to 65535`);
  const clockSpeed = Number(values['clock-speed']);
  if (!(clockSpeed > 0)) throw new Error(`--clock-speed ${values['clock-speed']} is not above 0`);
  return { port, statePath: values.state, clockSpeed };
}

async function main(): Promise<void> {
  const settings = readSettings();
  const state = new StateFolder(settings.statePath);
  await refuseTakenPort(settings.port);
  state.claim(`http://127.0.0.1:${settings.port}`);
  const say = (line: string) => void process.stdout.write(`${line}\n`);

  say('Synthesizing the app, as cdk deploy would …');
  const specs = await readModelSpecs();
  const assembly = join(settings.statePath, 'cdk.out');
  await synthesize(assembly);
  const stack = await startLocalStack({
    assembly,
    state,
    clock: new VirtualClock(Date.now(), settings.clockSpeed),
    port: settings.port,
    onFault: (fault) =>
      void process.stderr.write(
        `${fault instanceof Error ? (fault.stack ?? fault.message) : String(fault)}\n`,
      ),
  });
  stopOnSignal(stack, state);
  sayUnhonoured(stack, say);

  const operator = new OperatorClient({
    url: stack.url,
    region: stack.place.region,
    credentials: stack.operator,
  });
  const routes = await Promise.all(specs.map(({ name }) => operator.route(name)));
  const untrained = specs.filter((_, at) => !routes[at]);
  await firstVersions(untrained, operator, say);
  say(callExamples(stack, specs));
}

/** Trains and registers versions of each model that has none, where there is a world to learn from. */
async function firstVersions(
  untrained: readonly ModelSpec[],
  operator: OperatorClient,
  say: (line: string) => void,
): Promise<void> {
  const trainable = untrained.filter(({ name }) => WORLDS.has(name));
  for (const { name } of untrained.filter((spec) => !trainable.includes(spec)))
    say(`${name} has no version yet, and no generated data to train one on: register yours.`);
  if (trainable.length === 0) return;
  say('First start: training each model on generated data; of two versions, the better serves.');
  const candidates = firstCandidates(trainable);
  const progress = createProgress(
    candidates.map(({ label }) => label),
    process.stdout,
  );
  try {
    await registerFirstVersions(await trainCandidates(candidates, progress), operator, progress);
  } finally {
    progress.stop();
  }
}

async function refuseTakenPort(port: number): Promise<void> {
  const holder = await describePortHolder(port);
  if (holder)
    throw new Error(
      `port ${port} is taken by ${holder}. Stop it, or choose another port: npm start -- --port ${port + 1}`,
    );
}

/** What the template asks for and this machine does not do. */
function sayUnhonoured({ graph }: LocalStack, say: (line: string) => void): void {
  if (graph.unhonoured.length === 0) return;
  say('Not emulated here, and without effect:');
  for (const { type, property, count } of graph.unhonoured)
    say(`  ${type}${property ? ` ${property}` : ''} × ${count}`);
}

function stopOnSignal(stack: LocalStack, state: StateFolder): void {
  let isStopping = false;
  const stop = (): void => {
    if (isStopping) return;
    isStopping = true;
    stack
      .stop()
      .finally(() => state.release())
      .then(
        () => process.exit(0),
        (error: unknown) => fail(error),
      );
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
}

function fail(error: unknown): never {
  process.stderr.write(`${error instanceof Error ? error.message : String(error)}\n`);
  process.exit(1);
}

main().catch(fail);
