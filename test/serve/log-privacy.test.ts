import { createSecretKey, randomBytes } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import { type DataKey, keyedHash, Unsealer } from '../../functions/runtime/sealing.ts';
import { LogKeyCache } from '../../functions/serve/log-keys.ts';
import { ModelServer } from '../../functions/serve/model-server.ts';
import { RouteCache } from '../../functions/serve/route-cache.ts';
import { Shadow } from '../../functions/serve/shadow.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { aModel } from '../builders/model-spec.ts';
import { posted } from '../builders/posted.ts';
import { aChallenger, aRoute, ManualClock } from '../builders/route.ts';

const { category, identifier, number } = featuresOf();

/** A model with every policy, on numbers and on text. */
const spec = aModel('m', {
  features: [
    number('a', 'count', [-1000, 1000], 'Plain.'),
    number('b', 'count', [-1000, 1_000_000], 'Sealed.', { log: 'sealed', required: false }),
    category('c', ['x'], 'Sealed.', { log: 'sealed', required: false }),
    identifier('card', 'Hashed.', { log: 'hash' }),
    category('born', ['1900'], 'Hashed category.', { log: 'hash' }),
    identifier('note', 'Omitted.', { log: 'omit' }),
  ],
  signature: {
    inputs: [
      { name: 'x', datatype: 'FP32', columns: ['a', 'b'] },
      { name: 't', datatype: 'BYTES', columns: ['c'] },
    ],
    outputs: [{ name: 'o', datatype: 'FP32', columns: ['points'] }],
  },
  example: { instances: [{ a: 1, card: 'c', born: '1900', note: 'n' }] },
  promotion: {
    unit: 'card',
    unitLog: 'hash',
    steps: [{ kind: 'smoke-test' }, { kind: 'production' }],
  },
} satisfies Partial<ModelSpec>);

/** Too long to come up in a random id or in ciphertext. */
const SECRETS = ['777123', 'top-secret', 'card-4711', 'born-1984', 'do-not-keep', 'unit-0815'];
const instances = [
  { a: 1, b: 777123, c: 'top-secret', card: 'card-4711', born: 'born-1984', note: 'do-not-keep' },
  { a: 2, card: 'card-4711', born: 'born-1984', note: 'do-not-keep' },
];
const inference = {
  parameters: { unit: 'unit-0815' },
  inputs: [
    { name: 'x', datatype: 'FP32', shape: [2, 2], data: [1, 777123, 2, null] },
    { name: 't', datatype: 'BYTES', shape: [2, 1], data: ['top-secret', ''] },
  ],
};

function world({ isKmsDown = false } = {}) {
  const clock = new ManualClock();
  const route = aRoute({ challenger: aChallenger({ isShadowed: true, exposureBasisPoints: 0 }) });
  const keys = new Map<string, Uint8Array>();
  const asked = { dataKeys: 0, secrets: 0, isDown: isKmsDown };
  const answerOf = <Value>(value: () => Value): Value => {
    if (asked.isDown) throw new Error('KMS is down');
    return value();
  };
  const secret = createSecretKey(Buffer.from('the stage secret'));
  const source = {
    newDataKey: async (): Promise<DataKey> =>
      answerOf(() => {
        const bytes = randomBytes(32);
        const encrypted = `key-${asked.dataKeys++}`;
        keys.set(encrypted, bytes);
        return { plaintext: createSecretKey(bytes), encrypted };
      }),
    hashSecret: async () => answerOf(() => (asked.secrets++, secret)),
  };
  const lines: string[] = [];
  const seen: Record<string, (readonly Tensor[])[]> = { '1': [], '2': [] };
  const parts = {
    spec,
    clock,
    routes: new RouteCache({ read: async () => route }, 'm', clock),
    backends: {
      open: async ({ version }: { version: string }) => ({
        run: async (inputs: readonly Tensor[]) => {
          seen[version]?.push(inputs);
          const rows = inputs[0]?.shape[0] ?? 0;
          const data = new Float32Array(rows);
          return [{ name: 'o', datatype: 'FP32' as const, shape: [rows, 1], data }];
        },
        release: async () => undefined,
      }),
    },
    writeLine: (line: string) => void lines.push(line),
  };
  const server = new ModelServer({
    ...parts,
    findVersion: async () => undefined,
    logKeys: new LogKeyCache(
      source,
      spec,
      clock,
      (entry) => void lines.unshift(JSON.stringify(entry)),
    ),
  });
  const unsealer = new Unsealer(async (encrypted) => keys.get(encrypted) ?? randomBytes(32));
  const shadow = new Shadow({ ...parts, unsealer });
  const ask = async (path: string, body: object): Promise<PredictionLine> => {
    await server.answer(posted(path, body));
    return PredictionLine.parse(JSON.parse(lines.at(-1) ?? ''));
  };
  return { ask, asked, clock, lines, secret, seen, shadow };
}

describe.each([
  ['named features', 'v1/models/m/predict', { unit: 'unit-0815', instances }],
  ['tensors', 'v2/models/m/infer', inference],
])('a request by %s', (_, path, body) => {
  test('leaves no secret in the log, and the shadow sees what the server saw', async () => {
    const { ask, lines, seen, shadow } = world();
    const line = await ask(path, body);
    await shadow.run(line);
    for (const secret of SECRETS) expect(lines.join('\n')).not.toContain(secret);
    expect(seen['2']).toHaveLength(1);
    expect(seen['2']).toEqual(seen['1']);
  });

  test('is answered while KMS is down, without what only a key could protect', async () => {
    const { ask, lines, seen, shadow } = world({ isKmsDown: true });
    const line = await ask(path, body);
    expect(line.sealed).toBeUndefined();
    expect(line.unit).toBeUndefined();
    expect(line.withheld).toEqual(expect.arrayContaining(['b', 'c']));
    expect(lines.map((text) => JSON.parse(text))).toMatchObject([
      { kind: 'keys-missing', message: 'KMS is down' },
      { KeysMissing: 1 },
    ]);
    for (const secret of SECRETS) expect(lines.join('\n')).not.toContain(secret);
    await shadow.run(line);
    expect(seen['2']).toEqual([]);
    expect(lines.at(-1)).toContain('not in the log: ');
  });
});

test('a hashed field and a hashed unit hash alike, so that rows of one card are found together', async () => {
  const { ask, secret } = world();
  const line = await ask('v1/models/m/predict', { unit: 'card-4711', instances });
  const hashed = keyedHash(secret, 'card-4711');
  expect(line.unit).toBe(hashed);
  expect(line.asked).toMatchObject({
    instances: [
      { a: 1, card: hashed },
      { a: 2, card: hashed },
    ],
  });
  expect(line.withheld).toEqual(['note']);
});

describe('keys', () => {
  const question = { unit: 'u', instances };

  test('are asked for once, and a data key again when it is old', async () => {
    const { ask, asked, clock } = world();
    for (let at = 0; at < 3; at++) await ask('v1/models/m/predict', question);
    expect(asked).toMatchObject({ dataKeys: 1, secrets: 1 });
    clock.advance(LIMITS.dataKeyAgeMs);
    await ask('v1/models/m/predict', question);
    expect(asked).toMatchObject({ dataKeys: 2, secrets: 1 });
  });

  test('serve on while KMS gives no new one, and KMS is not asked by every request', async () => {
    const { ask, asked, clock } = world();
    await ask('v1/models/m/predict', question);
    asked.isDown = true;
    clock.advance(LIMITS.dataKeyAgeMs);
    expect((await ask('v1/models/m/predict', question)).sealed).toBeDefined();
    asked.isDown = false;
    await ask('v1/models/m/predict', question);
    expect(asked.dataKeys).toBe(1);
    clock.advance(LIMITS.failedKeyRetryMs);
    await ask('v1/models/m/predict', question);
    expect(asked.dataKeys).toBe(2);
  });
});
