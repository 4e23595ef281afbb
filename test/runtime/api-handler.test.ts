import type { APIGatewayProxyEvent, Context } from 'aws-lambda';
import { beforeEach, describe, expect, test, vi } from 'vitest';
import { ApiError } from '../../functions/contracts/api-error.ts';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { type ApiReply, type ApiRequest, apiHandler } from '../../functions/runtime/api-handler.ts';

const event = (overrides: object = {}) =>
  ({
    httpMethod: 'POST',
    path: '/v1/models/a%20b/predict',
    headers: { 'Content-Type': 'application/json' },
    queryStringParameters: null,
    body: Buffer.from('{"x":1}').toString('base64'),
    isBase64Encoded: true,
    requestContext: { identity: { apiKeyId: 'key-1', userArn: null } },
    ...overrides,
  }) as unknown as APIGatewayProxyEvent;

const handle = (
  answer: (request: ApiRequest) => ApiReply | Promise<ApiReply>,
  overrides: object = {},
) => apiHandler(async (request) => answer(request))(event(overrides), {} as Context);

let written: string;
beforeEach(() => {
  written = '';
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    written += String(text);
    return true;
  });
});

describe('apiHandler', () => {
  test('reads path, body, headers and caller whatever their encoding', async () => {
    let seen: ApiRequest | undefined;
    await handle((request) => {
      seen = request;
      return { status: 200, body: {} };
    });
    expect(seen).toEqual({
      method: 'POST',
      path: ['v1', 'models', 'a b', 'predict'],
      query: {},
      headers: { 'content-type': 'application/json' },
      body: Buffer.from('{"x":1}'),
      caller: 'key-1',
    });
  });

  test('reads the event of a function URL, whose caller signed', async () => {
    let seen: ApiRequest | undefined;
    const url = {
      version: '2.0',
      rawPath: '/v2/models/m/infer',
      headers: { accept: '*/*' },
      body: '{}',
      isBase64Encoded: false,
      requestContext: {
        http: { method: 'POST' },
        authorizer: { iam: { userArn: 'arn:aws:iam::1:role/search' } },
      },
    };
    await apiHandler(async (request) => {
      seen = request;
      return { status: 200, body: {} };
    })(url as unknown as APIGatewayProxyEvent, {} as Context);
    expect(seen).toMatchObject({
      method: 'POST',
      path: ['v2', 'models', 'm', 'infer'],
      query: {},
      body: Buffer.from('{}'),
      caller: 'arn:aws:iam::1:role/search',
    });
  });

  test('writes JSON with exactly that content type, and bytes as base64', async () => {
    expect(await handle(() => ({ status: 200, body: { a: 1 } }))).toEqual({
      statusCode: 200,
      headers: { 'content-type': 'application/json' },
      body: '{"a":1}',
      isBase64Encoded: false,
    });
    expect(
      await handle(() => ({ status: 200, headers: { x: 'y' }, body: Buffer.from('hi') })),
    ).toEqual({ statusCode: 200, headers: { x: 'y' }, body: 'aGk=', isBase64Encoded: true });
  });

  test('writes a refusal in the shape of errors, with its headers', async () => {
    const reply = await handle(() => {
      throw new ApiError(503, 'NOT_READY', 'wait', ['a detail'], { 'retry-after': '2' });
    });
    expect(reply).toMatchObject({
      statusCode: 503,
      headers: { 'retry-after': '2' },
      body: '{"error":"wait","code":"NOT_READY","details":["a detail"]}',
    });
  });

  test('answers an unforeseen failure with 500 and no internals, and logs it whole', async () => {
    const reply = await handle(() => {
      throw new Error('table slipway-routes is gone', { cause: new Error('why') });
    });
    expect(reply).toMatchObject({ statusCode: 500 });
    expect(reply.body).not.toMatch(/slipway-routes/);
    expect(JSON.parse(written)).toMatchObject({
      kind: 'failure',
      message: 'table slipway-routes is gone',
      cause: { message: 'why' },
    });
  });

  test('refuses a path with a malformed escape', async () => {
    expect(await handle(() => ({ status: 200, body: '' }), { path: '/v2/%E0%A4%A' })).toMatchObject(
      { statusCode: 400 },
    );
  });

  test('refuses to send more than Lambda returns', async () => {
    expect(
      await handle(() => ({ status: 200, body: 'x'.repeat(LIMITS.escapedResponseBytes) })),
    ).toMatchObject({ statusCode: 413 });
  });
});
