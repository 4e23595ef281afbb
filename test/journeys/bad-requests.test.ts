import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { aModel } from '../builders/model-spec.ts';
import { rawRequest } from '../builders/raw-request.ts';
import { type RunningStack, serveLinear, startStack } from '../builders/running-stack.ts';

let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([deliveryTime, aModel('m')]);
  await serveLinear(stack, deliveryTime, { bias: 30 });
  await serveLinear(stack, aModel('m'), { bias: 1 });
});
afterAll(() => stack.dispose());

const PREDICT = '/v1/models/delivery-time/predict';
const INFER = '/v2/models/m/infer';
const [instance] = (deliveryTime.example as { instances: Record<string, unknown>[] }).instances;
const withField = (fields: object) => JSON.stringify({ instances: [{ ...instance, ...fields }] });
const tensor = (fields: object) =>
  JSON.stringify({
    inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32', data: [1, 2, 3], ...fields }],
  });
const json = { 'content-type': 'application/json' };

/** [what, path, body, status, what the details or the error say] */
const CASES: readonly (readonly [string, string, string | Uint8Array, number, RegExp])[] = [
  ['bad JSON', PREDICT, '{"instances":[', 400, /JSON/],
  ['an empty body', PREDICT, '', 400, /empty/],
  ['a list at the top', PREDICT, '[]', 400, /object/],
  ['a bare NaN', PREDICT, '{"instances":[{"distanceKm":NaN}]}', 400, /NaN|number/],
  ['an unknown key at the top', PREDICT, '{"instance":[]}', 400, /unknown key/],
  [
    'an unknown feature',
    PREDICT,
    withField({ distancekm: 3 }),
    400,
    /instances\[0\].*distancekm.*did you mean "distanceKm"/,
  ],
  ['a missing required feature', PREDICT, withField({ zone: null }), 400, /instances\[0\]\.zone/],
  [
    'text for a number',
    PREDICT,
    withField({ distanceKm: 'far' }),
    400,
    /instances\[0\]\.distanceKm: expected a number, got text/,
  ],
  [
    'a number out of range',
    PREDICT,
    withField({ distanceKm: 4000 }),
    400,
    /instances\[0\]\.distanceKm/,
  ],
  [
    'an unknown category that the spec refuses',
    PREDICT,
    withField({ zone: 'moon' }),
    400,
    /instances\[0\]\.zone.*centre/,
  ],
  [
    'a timestamp without an offset',
    PREDICT,
    withField({ orderedAt: '2026-11-23T10:00:00' }),
    400,
    /instances\[0\]\.orderedAt/,
  ],
  ['no instances', PREDICT, '{"instances":[]}', 400, /empty/],
  [
    'a polluting key',
    PREDICT,
    '{"instances":[{"__proto__":{"isAdmin":true}}]}',
    400,
    /__proto__|required|missing/,
  ],
  ['deep nesting', PREDICT, `${'['.repeat(100_000)}${']'.repeat(100_000)}`, 400, /object|nested/],
  ['the wrong shape', INFER, tensor({ shape: [2, 3] }), 400, /inputs\[0\]/],
  ['the wrong width', INFER, tensor({ shape: [1, 2], data: [1, 2] }), 400, /inputs\[0\]\.shape/],
  [
    'a shape product over the limit',
    INFER,
    tensor({ shape: [2_000_000_000, 3] }),
    400,
    /inputs\[0\]/,
  ],
  ['a negative dimension', INFER, tensor({ shape: [-1, 3] }), 400, /inputs\[0\]\.shape/],
  ['the wrong datatype', INFER, tensor({ datatype: 'INT64' }), 400, /inputs\[0\]\.datatype/],
  ['text in a tensor', INFER, tensor({ data: [1, 'two', 3] }), 400, /inputs\[0\]\.data\[1\]/],
  ['an unknown input', INFER, tensor({ name: 'y' }), 400, /y/],
  [
    'an input twice',
    INFER,
    '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]},{"name":"x","shape":[1,3],"datatype":"FP32","data":[1,2,3]}]}',
    400,
    /inputs\[1\]/,
  ],
  [
    'binary data that is not there',
    INFER,
    JSON.stringify({
      inputs: [
        { name: 'x', shape: [1, 3], datatype: 'FP32', parameters: { binary_data_size: 12 } },
      ],
    }),
    400,
    /binary/,
  ],
  [
    'an unknown output',
    INFER,
    JSON.stringify({ ...JSON.parse(tensor({})), outputs: [{ name: 'z' }] }),
    400,
    /z/,
  ],
  [
    '4.5 MB of body',
    PREDICT,
    `{"instances":[${'0,'.repeat(2_250_000)}0]}`,
    413,
    /4400000|too large|at most/,
  ],
  [
    '9 MB of body, which Lambda would not take',
    PREDICT,
    new Uint8Array(9_000_000).fill(32),
    413,
    /4\.4 MB/,
  ],
];

describe('a malformed request', () => {
  test.each(CASES)('%s is refused with its place', async (_, path, body, status, says) => {
    const reply = await stack.call('POST', path, body, json);
    expect(reply.status).toBe(status);
    const { error, code, details } = reply.json as {
      error: string;
      code: string;
      details: string[];
    };
    expect(code).toMatch(/^[A-Z_]+$/);
    expect([error, ...details].join('\n')).toMatch(says);
    expect(reply.text).not.toMatch(/\bat .+:\d+:\d+|node_modules|\.cjs/);
  });

  test('every fault is listed, not the first only', async () => {
    const { json: answer } = await stack.call(
      'POST',
      PREDICT,
      withField({ distanceKm: 'far', itemCount: 0, vehicle: 7 }),
      json,
    );
    expect((answer['details'] as string[]).map((detail) => detail.split(':')[0])).toEqual([
      'instances[0].distanceKm',
      'instances[0].itemCount',
      'instances[0].vehicle',
    ]);
  });

  test('a wrong content type is refused with the right one', async () => {
    const { status, json: answer } = await stack.call('POST', PREDICT, withField({}), {
      'content-type': 'application/x-www-form-urlencoded',
    });
    expect(status).toBe(415);
    expect(answer['error']).toMatch(/content-type: application\/json/i);
  });

  test('compression bombs and unknown encodings are refused', async () => {
    expect(
      (await stack.call('POST', PREDICT, withField({}), { ...json, 'content-encoding': 'br' }))
        .status,
    ).toBe(415);
    expect(
      (await stack.call('POST', PREDICT, 'not gzip', { ...json, 'content-encoding': 'gzip' }))
        .status,
    ).toBe(400);
  });

  test.each([
    ['POST', '/v1/models/nothing/predict', 404],
    ['GET', PREDICT, 405],
    ['DELETE', INFER, 405],
    ['POST', '/v1/models/delivery-time/rank', 404],
    ['POST', '/v1/models/delivery-time/predict/more', 404],
    ['POST', '/v2/models/m/versions/99/infer', 404],
    ['GET', '/v2/models/m/versions/..%2F1', 404],
    ['GET', '/v2/models/..%2f..%2fetc', 404],
    ['GET', '/v2/models/a.b/ready', 404],
    ['GET', '/v2/models/%E0%A4%A', 400],
    ['GET', '/nowhere', 404],
    ['GET', '//', 404],
    ['POST', '/v2', 405],
  ])('%s %s answers %i in the shape of an error', async (method, path, status) => {
    const reply = await rawRequest(
      `${stack.url}${path}`,
      method,
      { 'x-api-key': stack.apiKeys[0] ?? '', ...(method === 'POST' && json) },
      method === 'POST' ? Buffer.from(tensor({})) : undefined,
    );
    expect(reply.status).toBe(status);
    expect(JSON.parse(reply.body.toString())).toMatchObject({
      error: expect.any(String),
      code: expect.any(String),
    });
  });

  test('leaves the server answering, and no fault behind the API', async () => {
    expect((await stack.call('POST', PREDICT, withField({}), json)).status).toBe(200);
    expect(stack.faults).toEqual([]);
    expect(Object.prototype).not.toHaveProperty('isAdmin');
  });
});
