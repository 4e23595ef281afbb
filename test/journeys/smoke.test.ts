import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { type RunningStack, serveLinear, startStack } from '../builders/running-stack.ts';

const specs = [cardFraud, deliveryTime, searchRanking];
const program = join(import.meta.dirname, '../../infra/cli/smoke.ts');
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack(specs);
});
afterAll(() => stack.dispose());

async function smoke(...args: readonly string[]) {
  const child = spawn(process.execPath, [program, ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const said = { out: '', err: '' };
  child.stdout.on('data', (chunk: Buffer) => (said.out += chunk.toString('utf8')));
  child.stderr.on('data', (chunk: Buffer) => (said.err += chunk.toString('utf8')));
  const { promise, resolve } = Promise.withResolvers<number | null>();
  child.once('close', resolve);
  return { code: await promise, ...said };
}
const key = (): string => stack.apiKeys[0] ?? '';

/** What was said, without the times. */
const stepsOf = (out: string): string[] =>
  out
    .trimEnd()
    .split('\n')
    .map((line) => line.replace(/ +[0-9.]+ ms/, ''));

describe('the smoke test', () => {
  test('ends at the first wrong answer, with what came and what to do', async () => {
    const { code, out, err } = await smoke('--api', stack.url, '--key', key());
    expect({ code, steps: stepsOf(out) }).toEqual({
      code: 1,
      steps: ['✓  server metadata', '✓  live'],
    });
    expect(err.split('\n').map((line) => line.trim())).toEqual([
      '✗ ready',
      'GET /v2/health/ready: expected HTTP 200',
      expect.stringMatching(
        /^came: HTTP 503 .*"no champion yet: card-fraud, delivery-time, search-ranking"/,
      ),
      expect.stringMatching(/^Register a version and make it the champion \(npm run operate\)\./),
      '',
    ]);
  });

  test('walks through every model of a stack that serves', async () => {
    await serveLinear(stack, cardFraud, { bias: 0.2 });
    await serveLinear(stack, deliveryTime, { bias: 30 });
    await serveLinear(stack, searchRanking, { weight: 0.001 });
    const { code, out, err } = await smoke('--api', `${stack.url}/`, '--key', key());
    const ofModel = (name: string, verb: string) => [
      `✓  ${name}: metadata`,
      `✓  ${name}: ready`,
      `✓  ${name}: ${verb} its example`,
      `✓  ${name}: infer, JSON`,
      `✓  ${name}: infer, binary tensors`,
      `✓  ${name}: infer, no Content-Type, no Accept`,
    ];
    expect({ code, err, steps: stepsOf(out) }).toEqual({
      code: 0,
      err: '',
      steps: [
        '✓  server metadata',
        '✓  live',
        '✓  ready',
        '✓  list of models',
        '✓  description of the API',
        ...ofModel('card-fraud', 'predict'),
        ...ofModel('delivery-time', 'predict'),
        ...ofModel('search-ranking', 'rank'),
        '✓  a malformed request is refused with the path of the field',
        '✓  a wrong key is refused',
        '✓  an unknown model is not found',
        '26 steps, all as they should be, in',
      ],
    });
  });

  test.each([
    ['a wrong key', () => ['--api', stack.url, '--key', 'wrong'], /HTTP 403 .*FORBIDDEN/],
    [
      'an address where nobody listens',
      () => ['--api', 'http://127.0.0.1:1', '--key', 'any'],
      /GET \/v2: connect ECONNREFUSED 127\.0\.0\.1:1\n {2}Check --api/,
    ],
    ['no arguments', () => [], /--api and --key are needed[^]*npm run smoke -- --api URL/],
  ])('refuses %s', async (_, args, words) => {
    const { code, err } = await smoke(...args());
    expect(code).toBe(1);
    expect(err).toMatch(words);
  });
});
