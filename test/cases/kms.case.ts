import { randomBytes } from 'node:crypto';
import { beforeAll, describe, expect, test } from 'vitest';
import { callJson } from '../builders/signed-fetch.ts';
import type { AwsTarget } from './target.ts';

export interface KmsTarget extends AwsTarget {
  /** Two symmetric keys by id, the first of which has the alias. */
  readonly keyIds: readonly [string, string];
  readonly alias: string;
}

/** What Slipway relies on in KMS, wherever it runs. */
export function kmsCases(name: string, connect: () => Promise<KmsTarget>): void {
  describe(`KMS: ${name}`, () => {
    let target: KmsTarget;
    let KeyId: string;

    beforeAll(async () => {
      target = await connect();
      KeyId = target.keyIds[0];
    });

    const call = async (operation: string, input: object) => {
      const service = {
        service: 'kms',
        target: `TrentService.${operation}`,
        version: '1.1',
      } as const;
      const { status, json } = await callJson(target, service, input);
      return { status, ...json } as { status: number } & Record<string, string>;
    };
    const encrypt = async (plaintext: Buffer, EncryptionContext?: object) =>
      (
        await call('Encrypt', { KeyId, Plaintext: plaintext.toString('base64'), EncryptionContext })
      )['CiphertextBlob'];
    const failure = (code: string) => ({ status: 400, __type: expect.stringContaining(code) });

    test('opens what it sealed, without being told the key', async () => {
      const plaintext = randomBytes(4096);
      const CiphertextBlob = await encrypt(plaintext);
      const opened = await call('Decrypt', { CiphertextBlob });
      expect(Buffer.from(opened['Plaintext'] ?? '', 'base64').equals(plaintext)).toBe(true);
      expect(opened['KeyId']).toContain(`:key/${KeyId}`);
    });

    test('seals the same plaintext differently each time', async () => {
      const plaintext = Buffer.from('same');
      expect(await encrypt(plaintext)).not.toBe(await encrypt(plaintext));
    });

    test('opens only with the context it sealed with, in any order', async () => {
      const CiphertextBlob = await encrypt(Buffer.from('x'), { model: 'a', field: 'b' });
      const open = (EncryptionContext?: object) =>
        call('Decrypt', { CiphertextBlob, EncryptionContext });
      expect(await open({ field: 'b', model: 'a' })).toMatchObject({ status: 200 });
      expect(await open({ model: 'a' })).toMatchObject(failure('InvalidCiphertextException'));
      expect(await open()).toMatchObject(failure('InvalidCiphertextException'));
    });

    test.each([
      [{ KeySpec: 'AES_256' }, 32],
      [{ KeySpec: 'AES_128' }, 16],
      [{ NumberOfBytes: 64 }, 64],
    ])('generates a data key of %o and opens its sealed copy', async (size, bytes) => {
      const EncryptionContext = { purpose: 'test' };
      const generated = await call('GenerateDataKey', { KeyId, EncryptionContext, ...size });
      expect(Buffer.from(generated['Plaintext'] ?? '', 'base64')).toHaveLength(bytes);
      const { CiphertextBlob } = generated;
      const opened = await call('Decrypt', { CiphertextBlob, EncryptionContext });
      expect(opened['Plaintext']).toBe(generated['Plaintext']);
    });

    test('finds a key by id, ARN and alias', async () => {
      const { KeyMetadata } = (await call('DescribeKey', { KeyId })) as unknown as {
        KeyMetadata: { Arn: string };
      };
      for (const given of [KeyMetadata.Arn, target.alias]) {
        expect(await call('DescribeKey', { KeyId: given })).toMatchObject({
          KeyMetadata: { KeyId, KeyState: 'Enabled', KeySpec: 'SYMMETRIC_DEFAULT' },
        });
      }
    });

    test('refuses another key than the one that sealed', async () => {
      const CiphertextBlob = await encrypt(Buffer.from('x'));
      expect(await call('Decrypt', { CiphertextBlob, KeyId: target.keyIds[1] })).toMatchObject(
        failure('IncorrectKeyException'),
      );
    });

    test.each<[string, string, object, string]>([
      [
        'a ciphertext that was changed',
        'Decrypt',
        { CiphertextBlob: randomBytes(150).toString('base64') },
        'InvalidCiphertextException',
      ],
      [
        'a key that is not there',
        'Encrypt',
        { KeyId: '00000000-0000-4000-8000-000000000000', Plaintext: 'eA==' },
        'NotFoundException',
      ],
      [
        'an alias that is not there',
        'Encrypt',
        { KeyId: 'alias/is-not-there', Plaintext: 'eA==' },
        'NotFoundException',
      ],
      [
        'more than 4096 bytes',
        'Encrypt',
        { KeyId: 'alias/x', Plaintext: randomBytes(4097).toString('base64') },
        'ValidationException',
      ],
      ['a data key of no size', 'GenerateDataKey', { KeyId: 'alias/x' }, 'ValidationException'],
    ])('refuses %s', async (_, operation, input, code) => {
      expect(await call(operation, input)).toMatchObject(failure(code));
    });
  });
}
