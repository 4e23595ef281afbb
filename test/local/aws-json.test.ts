import { Readable } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import * as z from 'zod';
import {
  dispatch,
  type JsonService,
  jsonError,
  parseInput,
  readBody,
} from '../../infra/local/emulators/aws-json.ts';
import { type Call, ServiceError } from '../../infra/local/emulators/emulator.ts';

const service: JsonService = {
  name: 'Echo',
  targetPrefix: 'Echo_1',
  version: '1.1',
  operations: { Say: async (input) => ({ said: input }) },
};

function callWith(body: string | Buffer, headers: Record<string, string> = {}): Call {
  return {
    principal: { kind: 'user', arn: 'arn:aws:iam::1:user/u' },
    method: 'POST',
    path: '/',
    query: new URLSearchParams(),
    headers: { 'x-amz-target': 'Echo_1.Say', ...headers },
    body: Readable.from([Buffer.from(body)]),
    authorize: () => {},
  };
}

describe('dispatch', () => {
  test('takes the parsed input to the operation that the target names', async () => {
    expect(await dispatch(service, callWith('{"a":1}'))).toEqual({
      status: 200,
      headers: { 'content-type': 'application/x-amz-json-1.1' },
      body: '{"said":{"a":1}}',
    });
  });

  test('takes an empty body for no input, and unpacks a gzipped one', async () => {
    expect((await dispatch(service, callWith(''))).body).toBe('{"said":{}}');
    const packed = callWith(gzipSync('{"a":1}'), { 'content-encoding': 'gzip' });
    expect((await dispatch(service, packed)).body).toBe('{"said":{"a":1}}');
  });

  test.each(['Echo_1.Other', 'Other_1.Say', 'Echo_1.constructor', 'Say', ''])(
    'answers 501 to the target "%s"',
    async (target) => {
      const call = callWith('{}', { 'x-amz-target': target });
      await expect(dispatch(service, call)).rejects.toMatchObject({
        status: 501,
        code: 'NotImplemented',
        message: expect.stringContaining('Emulated: Say.'),
      });
    },
  );

  test.each([
    ['{"a":', {}],
    ['[1]', {}],
    ['null', {}],
    ['not gzip', { 'content-encoding': 'gzip' }],
  ])('refuses the body %s', async (body, headers) => {
    await expect(dispatch(service, callWith(body, headers))).rejects.toMatchObject({
      status: 400,
      code: 'SerializationException',
    });
  });
});

describe('readBody', () => {
  test.each([
    ['as sent', 'x'.repeat(101), {}],
    ['unpacked', gzipSync('x'.repeat(1_000_000)), { 'content-encoding': 'gzip' }],
  ])('refuses more than the limit %s', async (_, body, headers) => {
    await expect(readBody(callWith(body, headers), 1000 / 10)).rejects.toMatchObject({
      status: 413,
      message: 'The request body is larger than 100 bytes.',
    });
  });
});

test('parseInput names what is wrong by its path', () => {
  const schema = z.object({ list: z.array(z.object({ n: z.number() })) });
  expect(() => parseInput(schema, { list: [{ n: 1 }, { n: 'x' }] })).toThrow(
    expect.objectContaining({
      code: 'ValidationException',
      message: expect.stringMatching(/^list\.1\.n: /),
    }),
  );
});

test('jsonError speaks to clients of both JSON protocols', () => {
  expect(jsonError(new ServiceError(409, 'Conflict', 'Not so.', { id: 1 }))).toEqual({
    status: 409,
    headers: { 'content-type': 'application/x-amz-json-1.0', 'x-amzn-errortype': 'Conflict' },
    body: '{"__type":"Conflict","message":"Not so.","id":1}',
  });
});
