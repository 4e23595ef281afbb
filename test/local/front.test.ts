import { once } from 'node:events';
import { createServer, request } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, test } from 'vitest';
import { readBody } from '../../infra/local/emulators/aws-json.ts';
import { createCredentials } from '../../infra/local/emulators/credentials.ts';
import type { Call, Emulator, Reply } from '../../infra/local/emulators/emulator.ts';
import { createFront } from '../../infra/local/emulators/front.ts';
import { createAuthorizer } from '../../infra/local/emulators/policy.ts';
import { xmlError } from '../../infra/local/emulators/s3-xml.ts';
import { PLACE } from '../builders/emulated-account.ts';

const reader = { kind: 'user', arn: `arn:aws:iam::${PLACE.account}:user/reader` } as const;
const ok: Reply = { status: 200, headers: {}, body: 'ok' };

/** A front before services whose handling is given. */
async function startFront(handle: (call: Call) => Promise<Reply>) {
  const service = (signingName: string): Emulator => ({
    signingName,
    types: {},
    start: async () => {},
    handle,
    stop: async () => {},
    ...(signingName === 's3' && { renderError: xmlError }),
  });
  const credentials = createCredentials('secret');
  const accessKey = credentials.issue(reader);
  const faults: unknown[] = [];
  const server = createServer(
    createFront({
      emulators: ['echo', 's3'].map(service),
      credentials,
      authorizer: createAuthorizer([], PLACE),
      place: PLACE,
      onFault: (fault) => faults.push(fault),
    }),
  );
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  const host = `127.0.0.1:${port}`;

  async function sign(body: string, scope = 'echo', headers: Record<string, string> = {}) {
    const { region } = PLACE;
    const sha256 = Hash.bind(null, 'sha256');
    const signer = new SignatureV4({ service: scope, region, credentials: accessKey, sha256 });
    const unsigned = {
      method: 'POST',
      protocol: 'http:',
      hostname: '127.0.0.1',
      path: '/a%20b',
      query: { q: '1' },
      headers: { host, ...headers },
      body,
    };
    return (await signer.sign(unsigned)).headers;
  }
  const post = async (body: string, headers: Record<string, string>) => {
    const response = await fetch(`http://${host}/a%20b?q=1`, { method: 'POST', headers, body });
    return { status: response.status, headers: response.headers, text: await response.text() };
  };
  return {
    host,
    faults,
    sign,
    post,
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

describe('createFront', () => {
  test('hands an authenticated call to the service its credential scope names', async () => {
    const seen: Call[] = [];
    await using front = await startFront(async (call) => {
      seen.push(call);
      return { ...ok, body: await readBody(call) };
    });
    const answer = await front.post('hello', await front.sign('hello'));
    expect(answer).toMatchObject({ status: 200, text: 'hello' });
    expect(answer.headers.get('x-amzn-requestid')).toMatch(/^[0-9a-f-]{36}$/);
    expect(seen).toMatchObject([{ principal: reader, method: 'POST', path: '/a%20b' }]);
    expect(Object.fromEntries(seen[0]?.query ?? [])).toEqual({ q: '1' });
  });

  test('authorises for who signed', async () => {
    await using front = await startFront(async (call) => {
      call.authorize('echo:Say', 'arn:aws:echo:::x');
      return ok;
    });
    expect(await front.post('', await front.sign(''))).toMatchObject({
      status: 403,
      text: expect.stringContaining(
        `User: ${reader.arn} is not authorized to perform: echo:Say on resource: arn:aws:echo:::x`,
      ),
    });
  });

  test('refuses a body that is not the one that was signed', async () => {
    await using front = await startFront(async (call) => ({ ...ok, body: await readBody(call) }));
    expect(await front.post('forged', await front.sign('hello'))).toMatchObject({
      status: 400,
      text: expect.stringContaining('XAmzContentSHA256Mismatch'),
    });
  });

  test('hashes the body itself when the client did not say its digest', async () => {
    await using front = await startFront(async (call) => ({ ...ok, body: await readBody(call) }));
    // boto3 signs like this everywhere but in S3.
    const { 'x-amz-content-sha256': _, ...headers } = await signWithoutDigest(front.host, 'hello');
    expect(await front.post('hello', headers)).toMatchObject({ status: 200, text: 'hello' });
    expect(await front.post('forged', headers)).toMatchObject({ status: 403 });
  });

  test.each([
    ['echo', 'application/x-amz-json-1.0', '"__type":"InvalidClientTokenId"'],
    ['s3', 'application/xml', '<Code>InvalidClientTokenId</Code>'],
  ])('refuses a stranger of %s in %s', async (service, type, code) => {
    await using front = await startFront(async () => ok);
    const headers = await front.sign('', service);
    const authorization = headers['authorization']?.replace(/AKIA\w+/, 'AKIASTRANGER') ?? '';
    const answer = await front.post('', { ...headers, authorization });
    expect(answer.status).toBe(403);
    expect(answer.headers.get('content-type')).toBe(type);
    expect(answer.text).toContain(code);
  });

  test('answers 501 for a service that nobody emulates', async () => {
    await using front = await startFront(async () => ok);
    expect(await front.post('', await front.sign('', 'polly'))).toMatchObject({
      status: 501,
      text: expect.stringContaining(
        'The service polly is not emulated locally. Emulated: echo, s3.',
      ),
    });
  });

  test('keeps what failed inside to the log', async () => {
    await using front = await startFront(async () => {
      throw new Error('a path of this machine');
    });
    const answer = await front.post('', await front.sign(''));
    expect(answer).toMatchObject({ status: 500, text: expect.stringContaining('InternalFailure') });
    expect(answer.text).not.toContain('path of this machine');
    expect(front.faults).toEqual([new Error('a path of this machine')]);
  });

  test('answers before an upload has ended, and the connection stays in order', async () => {
    await using front = await startFront(async (call) => {
      await readBody(call, 1000);
      return ok;
    });
    const body = 'x'.repeat(1_000_000);
    expect((await front.post(body, await front.sign(body))).status).toBe(413);
    expect((await front.post('small', await front.sign('small'))).status).toBe(200);
  });

  test('survives clients that go away while they send and while they are answered', async () => {
    const answering = Promise.withResolvers<void>();
    await using front = await startFront(async (call) => {
      if (call.headers['content-length'] === '5') {
        answering.resolve();
        return { ...ok, body: Readable.from(endless()) };
      }
      return { ...ok, body: await readBody(call) };
    });
    const open = async (body: string, contentLength: number) => {
      const headers = { ...(await front.sign(body)), 'content-length': contentLength };
      const sending = request(`http://${front.host}/a%20b?q=1`, { method: 'POST', headers });
      sending.on('error', () => {});
      sending.write(body);
      return sending;
    };
    const interrupted = await open('half', 1000);
    await once(interrupted, 'socket');
    interrupted.destroy();
    const impatient = await open('whole', 5);
    impatient.end();
    await answering.promise;
    impatient.destroy();
    expect(await front.post('next', await front.sign('next'))).toMatchObject({ text: 'next' });
    expect(front.faults).toEqual([]);
  });
});

async function* endless() {
  for (;;) yield Buffer.alloc(65_536);
}

async function signWithoutDigest(host: string, body: string) {
  const signer = new SignatureV4({
    service: 'echo',
    region: PLACE.region,
    credentials: createCredentials('secret').issue(reader),
    sha256: Hash.bind(null, 'sha256'),
    applyChecksum: false,
  });
  const signed = await signer.sign({
    method: 'POST',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path: '/a%20b',
    query: { q: '1' },
    headers: { host },
    body,
  });
  return signed.headers;
}
