import { describe, expect, test } from 'vitest';
import { createCredentials } from '../../infra/local/emulators/credentials.ts';

const serve = { kind: 'role', arn: 'arn:aws:iam::1:role/serve', sessionName: 'serve' } as const;
const operator = { kind: 'user', arn: 'arn:aws:iam::1:user/operator' } as const;

describe('createCredentials', () => {
  test('gives roles temporary keys and users permanent ones, as STS and IAM do', () => {
    const credentials = createCredentials('secret');
    expect(credentials.issue(serve)).toEqual({
      accessKeyId: expect.stringMatching(/^ASIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^.{40}$/),
      sessionToken: expect.stringMatching(/^.{40,}$/),
    });
    expect(credentials.issue(operator)).toEqual({
      accessKeyId: expect.stringMatching(/^AKIA[A-Z2-7]{16}$/),
      secretAccessKey: expect.stringMatching(/^.{40}$/),
    });
  });

  test('gives the same key after a restart, and another one under another secret', () => {
    const key = createCredentials('secret').issue(serve);
    expect(createCredentials('secret').issue(serve)).toEqual(key);
    expect(createCredentials('other').issue(serve)).not.toEqual(key);
  });

  test('gives every session of a role a key of its own', () => {
    const credentials = createCredentials('secret');
    const keys = [serve, { ...serve, sessionName: 'other' }].map((session) =>
      credentials.issue(session),
    );
    expect(new Set(keys.map(({ accessKeyId }) => accessKeyId)).size).toBe(2);
  });

  test('finds who holds a key that was issued, and nobody else', () => {
    const credentials = createCredentials('secret');
    const accessKey = credentials.issue(operator);
    expect(credentials.find(accessKey.accessKeyId)).toEqual({ accessKey, principal: operator });
    expect(credentials.find('AKIAAAAAAAAAAAAAAAAA')).toBeUndefined();
  });
});
