import { Hash } from '@smithy/core/serde';
import { SignatureV4 } from '@smithy/signature-v4';
import { describe, expect, test } from 'vitest';
import {
  type AccessKey,
  type Credentials,
  createCredentials,
} from '../../infra/local/emulators/credentials.ts';
import { type SignedRequest, verifySignature } from '../../infra/local/emulators/signature.ts';

const principal = { kind: 'user', arn: 'arn:aws:iam::1:user/reader' } as const;
const credentials = createCredentials('secret');
const key = credentials.issue(principal);
const nowMs = Date.parse('2026-01-02T03:04:05Z');

interface Signing {
  readonly service?: string;
  readonly method?: string;
  readonly path?: string;
  readonly query?: Record<string, string>;
  readonly headers?: Record<string, string>;
  readonly key?: AccessKey;
  readonly expiresIn?: number;
}

/** A request as the SDK would sign it at `nowMs`. */
async function sign({
  service = 's3',
  path = '/b/k',
  ...signing
}: Signing): Promise<SignedRequest> {
  const signer = new SignatureV4({
    service,
    region: 'eu-west-1',
    credentials: signing.key ?? key,
    sha256: Hash.bind(null, 'sha256'),
    uriEscapePath: service !== 's3',
  });
  const request = {
    method: signing.method ?? 'GET',
    protocol: 'http:',
    hostname: '127.0.0.1',
    path,
    query: signing.query ?? {},
    headers: {
      host: '127.0.0.1:80',
      // S3 never hashes the body of a presigned request.
      ...(signing.expiresIn !== undefined && { 'x-amz-content-sha256': 'UNSIGNED-PAYLOAD' }),
      ...signing.headers,
    },
  };
  const options = { signingDate: new Date(nowMs) };
  const signed =
    signing.expiresIn === undefined
      ? await signer.sign(request, options)
      : await signer.presign(request, { ...options, expiresIn: signing.expiresIn });
  const query = new URLSearchParams(signed.query as Record<string, string>);
  return { method: signed.method, path: signed.path, headers: signed.headers, query };
}

const verify = (request: SignedRequest, atMs = nowMs) =>
  verifySignature(request, credentials, { region: 'eu-west-1', nowMs: atMs });

/** Credentials that know only the key of AWS's own examples. */
function exampleCredentials(accessKeyId: string): Credentials {
  const secretAccessKey = 'wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY'.replace(
    '+',
    accessKeyId === 'AKIDEXAMPLE' ? '+' : '/',
  );
  const issued = { accessKey: { accessKeyId, secretAccessKey }, principal };
  return { issue: () => issued.accessKey, find: (id) => (id === accessKeyId ? issued : undefined) };
}

describe('verifySignature against vectors of AWS', () => {
  test('get-vanilla of the Signature Version 4 test suite', async () => {
    const request = {
      method: 'GET',
      path: '/',
      query: new URLSearchParams(),
      headers: {
        host: 'example.amazonaws.com',
        'x-amz-date': '20150830T123600Z',
        authorization:
          'AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, SignedHeaders=host;x-amz-date, Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31',
      },
    };
    const options = { region: 'us-east-1', nowMs: Date.parse('2015-08-30T12:36:00Z') };
    const verified = await verifySignature(request, exampleCredentials('AKIDEXAMPLE'), options);
    expect(verified.principal).toEqual(principal);
  });

  test('the presigned GET of the S3 API reference', async () => {
    const request = {
      method: 'GET',
      path: '/test.txt',
      query: new URLSearchParams({
        'X-Amz-Algorithm': 'AWS4-HMAC-SHA256',
        'X-Amz-Credential': 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request',
        'X-Amz-Date': '20130524T000000Z',
        'X-Amz-Expires': '86400',
        'X-Amz-SignedHeaders': 'host',
        'X-Amz-Signature': 'aeeed9bbccd4d02ee5c0109b86d86835f995330da4c265957d157751f604d404',
      }),
      headers: { host: 'examplebucket.s3.amazonaws.com' },
    };
    const options = { region: 'us-east-1', nowMs: Date.parse('2013-05-24T10:00:00Z') };
    const known = exampleCredentials('AKIAIOSFODNN7EXAMPLE');
    expect((await verifySignature(request, known, options)).principal).toEqual(principal);
  });
});

describe('verifySignature', () => {
  test.each([
    ['S3, whose path is encoded once', { service: 's3', path: '/b/a%20b%2Bc' }],
    ['another service, whose path is encoded twice', { service: 'lambda', path: '/f/arn%3Aaws/x' }],
    ['a query with characters that need encoding', { query: { prefix: "a b+c/d'e", empty: '' } }],
    ['a presigned request', { expiresIn: 60 }],
    ['headers with odd white space', { headers: { 'x-amz-meta-a': '  a   b ' } }],
  ])('accepts %s', async (_, signing) => {
    expect((await verify(await sign(signing))).principal).toEqual(principal);
  });

  test('accepts a session of a role, and refuses it without its token', async () => {
    const role = { kind: 'role', arn: 'arn:aws:iam::1:role/r', sessionName: 's' } as const;
    const request = await sign({ key: credentials.issue(role) });
    expect((await verify(request)).principal).toEqual(role);
    const { 'x-amz-security-token': _, ...headers } = request.headers;
    await expect(verify({ ...request, headers })).rejects.toMatchObject({
      status: 403,
      code: 'InvalidClientTokenId',
    });
  });

  test('refuses a request that was changed after it was signed', async () => {
    const request = await sign({ query: { versionId: '1' }, headers: { 'x-amz-meta-a': '1' } });
    const changes: readonly Partial<SignedRequest>[] = [
      { method: 'PUT' },
      { path: '/b/other' },
      { query: new URLSearchParams({ versionId: '2' }) },
      { headers: { ...request.headers, host: 'elsewhere' } },
      { headers: { ...request.headers, 'x-amz-meta-a': '2' } },
      { headers: { ...request.headers, 'x-amz-content-sha256': '0'.repeat(64) } },
    ];
    for (const change of changes) {
      await expect(verify({ ...request, ...change })).rejects.toMatchObject({
        status: 403,
        code: 'SignatureDoesNotMatch',
      });
    }
  });

  test('refuses a signed header that was not sent and, for S3, one that was not signed', async () => {
    const request = await sign({ headers: { 'x-amz-meta-a': '1' } });
    const { 'x-amz-meta-a': _, ...headers } = request.headers;
    await expect(verify({ ...request, headers })).rejects.toThrow('x-amz-meta-a was not sent');
    const added = { ...request.headers, 'x-amz-acl': 'public-read' };
    await expect(verify({ ...request, headers: added })).rejects.toThrow('not signed: x-amz-acl');
  });

  test.each([14, -14])('accepts a clock that is %i minutes off', async (minutes) => {
    await expect(verify(await sign({}), nowMs + minutes * 60_000)).resolves.toBeDefined();
  });

  test.each([16, -16])('refuses a clock that is %i minutes off', async (minutes) => {
    await expect(verify(await sign({}), nowMs + minutes * 60_000)).rejects.toMatchObject({
      status: 403,
      code: 'RequestTimeTooSkewed',
    });
  });

  test('a presigned request holds until it expires', async () => {
    const request = await sign({ expiresIn: 60 });
    await expect(verify(request, nowMs + 60_000)).resolves.toBeDefined();
    await expect(verify(request, nowMs + 60_001)).rejects.toMatchObject({
      status: 403,
      code: 'AccessDenied',
      message: 'Request has expired',
    });
  });

  test('refuses keys that nobody holds and regions that are not this one', async () => {
    const stranger = createCredentials('other').issue(principal);
    await expect(verify(await sign({ key: stranger }))).rejects.toMatchObject({
      code: 'InvalidClientTokenId',
    });
    const request = await sign({});
    const elsewhere = verifySignature(request, credentials, { region: 'us-east-1', nowMs });
    await expect(elsewhere).rejects.toThrow('this account is in us-east-1');
  });

  test('says what is missing or malformed', async () => {
    const { headers, ...request } = await sign({});
    const withHeader = (authorization: string | undefined) =>
      verify({ ...request, headers: { ...headers, authorization } });
    await expect(withHeader(undefined)).rejects.toMatchObject({
      code: 'MissingAuthenticationToken',
    });
    await expect(withHeader('Bearer x')).rejects.toThrow('Authorization uses Bearer');
    await expect(withHeader('AWS4-HMAC-SHA256 Credential=a/b')).rejects.toThrow('"a/b" is not');
    const { 'x-amz-date': _, ...undated } = headers;
    await expect(verify({ ...request, headers: undated })).rejects.toMatchObject({
      status: 400,
      code: 'IncompleteSignature',
    });
    const long = await sign({ expiresIn: 60 });
    long.query.set('X-Amz-Expires', '9999999');
    await expect(verify(long)).rejects.toThrow('between 1 and 604800');
  });
});
