import { spawn } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, startStack } from '../builders/running-stack.ts';

const spec = aModel('m');
const program = join(import.meta.dirname, '../../infra/cli/operate.ts');
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([spec]);
});
afterAll(() => stack.dispose());

/** One command, in a process of its own, as an operator's shell would run it. */
async function operate(...args: readonly string[]) {
  const { accessKeyId, secretAccessKey } = stack.operator;
  const child = spawn(process.execPath, [program, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: {
      ...process.env,
      SLIPWAY_API: stack.url,
      AWS_REGION: stack.place.region,
      AWS_ACCESS_KEY_ID: accessKeyId,
      AWS_SECRET_ACCESS_KEY: secretAccessKey,
    },
  });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString('utf8')));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('close', resolve);
  return { code: await promise, ...said };
}

async function answerOf(...args: readonly string[]) {
  const { code, out, err } = await operate(...args);
  expect({ code, err }).toEqual({ code: 0, err: '' });
  return JSON.parse(out);
}

function fileOf(name: string, content: string | Uint8Array): string {
  const path = join(stack.folder, name);
  writeFileSync(path, content);
  return path;
}

test('a version is registered, made the champion and shown from the command line', async () => {
  const graph = fileOf('model.onnx', linearGraph(spec));
  expect(await answerOf('register', 'm', graph, 'trained on October')).toMatchObject({
    version: '1',
    description: 'trained on October',
  });
  expect(await answerOf('champion', 'm', '1', 'first version')).toMatchObject({
    champion: { version: '1' },
    epoch: 1,
  });
  expect(await answerOf('show', 'm')).toMatchObject({
    route: { champion: { version: '1' } },
    versions: [{ version: '1' }],
  });
});

test('a file becomes everyone’s validation set from the command line', async () => {
  expect(await answerOf('pointers', 'm')).toEqual({ training: null, validation: null });
  const { state } = await answerOf('import', 'm', fileOf('rows.csv', 'a,y\n1,2\n'), 'October');
  expect(state).toMatchObject({ kind: 'imported' });
  const moved = await answerOf('point', 'm', 'validation', state.digest, 'October has matured');
  expect(moved).toMatchObject({ epoch: 1, digest: state.digest, reason: 'October has matured' });
  expect(await answerOf('pointers', 'm')).toEqual({ training: null, validation: moved });
});

test('what is refused ends the command with the reason, and what is no command with the list of them', async () => {
  const refused = await operate('point', 'm', 'validation', 'f'.repeat(64), 'why');
  expect({ code: refused.code, out: refused.out }).toEqual({ code: 1, out: '' });
  expect(refused.err).toContain('m has no dataset ffff');
  const unknown = await operate('deploy');
  expect({ code: unknown.code, out: unknown.out }).toEqual({ code: 1, out: '' });
  expect(unknown.err).toContain('pointers MODEL');
  const broken = await answerOf('import', 'm', fileOf('broken.csv', 'a,y\n1,\n'));
  expect(broken.state).toMatchObject({ kind: 'refused', listed: [{ row: 1 }] });
});
