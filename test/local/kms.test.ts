import { readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import {
  type Declaration,
  type EmulatedAccount,
  KEY,
  KEY_ARN,
  KEY_ID,
  keyIdOf,
  role,
  startAccount,
} from '../builders/emulated-account.ts';
import { callJson } from '../builders/signed-fetch.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';
import { kmsCases } from '../cases/kms.case.ts';

const alias: Declaration = [
  'AWS::KMS::Alias',
  'Alias',
  { AliasName: 'alias/slipway', TargetKeyId: KEY_ARN },
];
const other: Declaration = ['AWS::KMS::Key', 'Other', KEY[2]];
const keeper = role('keeper', ['kms:*']);

const shared = await startAccount([keeper, KEY, other, alias]);
afterAll(() => shared[Symbol.asyncDispose]());
kmsCases('emulator', async () => ({
  endpoint: shared.endpoint,
  region: shared.region,
  credentials: shared.keysOf('keeper'),
  keyIds: [KEY_ID, keyIdOf('Other')],
  alias: 'alias/slipway',
}));

test('no case met a fault of the emulator', () => expect(shared.faults).toEqual([]));

function callKms(account: EmulatedAccount, roleName: string, operation: string, input: object) {
  const { endpoint, region } = account;
  const service = { service: 'kms', target: `TrentService.${operation}`, version: '1.1' } as const;
  return callJson({ endpoint, region, credentials: account.keysOf(roleName) }, service, input);
}
const encryptInput = (more: object = {}) => ({ KeyId: KEY_ID, Plaintext: 'eA==', ...more });

describe('permissions', () => {
  test('a missing one answers 403 and names principal, action and key', async () => {
    await using account = await startAccount([role('reader', ['kms:Decrypt']), KEY]);
    expect(await callKms(account, 'reader', 'Encrypt', encryptInput())).toMatchObject({
      status: 403,
      json: {
        __type: 'AccessDeniedException',
        message: `User: arn:aws:sts::123456789012:assumed-role/reader/test is not authorized to perform: kms:Encrypt on resource: ${KEY_ARN} because no identity-based policy allows the kms:Encrypt action`,
      },
    });
  });

  test('can hang on the encryption context and on the alias', async () => {
    const forModel = {
      StringEquals: {
        'kms:EncryptionContext:model': 'a',
        'kms:RequestAlias': 'alias/slipway',
      },
      'ForAllValues:StringEquals': { 'kms:EncryptionContextKeys': ['model'] },
    };
    await using account = await startAccount([
      role('sealer', ['kms:Encrypt', KEY_ARN, forModel]),
      KEY,
      alias,
    ]);
    const statusOf = async (KeyId: string, EncryptionContext: object) =>
      (await callKms(account, 'sealer', 'Encrypt', encryptInput({ KeyId, EncryptionContext })))
        .status;
    expect(await statusOf('alias/slipway', { model: 'a' })).toBe(200);
    expect(await statusOf('alias/slipway', { model: 'b' })).toBe(403);
    expect(await statusOf('alias/slipway', { model: 'a', more: 'x' })).toBe(403);
    expect(await statusOf(KEY_ID, { model: 'a' })).toBe(403);
  });
});

describe('key material', () => {
  test('outlives a restart and is for its owner only', async () => {
    await using folder = await temporaryFolder();
    let CiphertextBlob: unknown;
    {
      await using account = await startAccount([keeper, KEY], folder);
      const { json } = await callKms(account, 'keeper', 'Encrypt', encryptInput());
      ({ CiphertextBlob } = json);
    }
    await using account = await startAccount([keeper, KEY], folder);
    const opened = await callKms(account, 'keeper', 'Decrypt', { CiphertextBlob });
    expect(opened.json).toMatchObject({ Plaintext: 'eA==' });
    const files = await readdir(join(folder.folder, 'kms'));
    expect(files).toEqual([`${KEY_ID}.key`]);
    const { mode } = await stat(join(folder.folder, 'kms', `${KEY_ID}.key`));
    expect(mode & 0o777).toBe(0o600);
  });

  test('that was damaged stops the start', async () => {
    await using folder = await temporaryFolder();
    {
      await using _ = await startAccount([KEY], folder);
      await writeFile(join(folder.folder, 'kms', `${KEY_ID}.key`), 'short');
    }
    await expect(startAccount([KEY], folder)).rejects.toThrow('holds 5 bytes instead of 32');
  });
});

test('a disabled key is refused', async () => {
  const disabled: Declaration = ['AWS::KMS::Key', 'Key', { ...KEY[2], Enabled: false }];
  await using account = await startAccount([keeper, disabled]);
  expect(await callKms(account, 'keeper', 'Encrypt', encryptInput())).toMatchObject({
    status: 400,
    json: { __type: 'DisabledException' },
  });
});

test('an asymmetric key stops the start', async () => {
  const asymmetric: Declaration = ['AWS::KMS::Key', 'Key', { ...KEY[2], KeySpec: 'RSA_2048' }];
  await expect(startAccount([asymmetric])).rejects.toThrow(
    'Test/Key: only symmetric encryption keys',
  );
});

describe('an HMAC key', () => {
  const hmac: Declaration = [
    'AWS::KMS::Key',
    'Key',
    { ...KEY[2], KeySpec: 'HMAC_256', KeyUsage: 'GENERATE_VERIFY_MAC' },
  ];
  const macInput = { KeyId: KEY_ID, Message: 'eA==', MacAlgorithm: 'HMAC_SHA_256' };

  test('gives the same MAC for the same message, to those who may ask', async () => {
    await using account = await startAccount([
      role('hasher', ['kms:GenerateMac', KEY_ARN]),
      role('other', ['kms:Decrypt']),
      hmac,
    ]);
    const first = await callKms(account, 'hasher', 'GenerateMac', macInput);
    expect(first).toMatchObject({ status: 200, json: { MacAlgorithm: 'HMAC_SHA_256' } });
    expect(Buffer.from(String(first.json['Mac']), 'base64')).toHaveLength(32);
    const again = await callKms(account, 'hasher', 'GenerateMac', macInput);
    expect(again.json).toEqual(first.json);
    expect((await callKms(account, 'other', 'GenerateMac', macInput)).status).toBe(403);
  });

  test('encrypts nothing, and a symmetric key makes no MACs', async () => {
    await using account = await startAccount([keeper, hmac, other]);
    expect(await callKms(account, 'keeper', 'Encrypt', encryptInput())).toMatchObject({
      status: 400,
      json: { __type: 'InvalidKeyUsageException' },
    });
    const onSymmetric = { ...macInput, KeyId: keyIdOf('Other') };
    expect(await callKms(account, 'keeper', 'GenerateMac', onSymmetric)).toMatchObject({
      status: 400,
      json: { __type: 'InvalidKeyUsageException' },
    });
  });
});

test('an operation that nothing uses answers 501 and names itself', async () => {
  expect(await callKms(shared, 'keeper', 'ScheduleKeyDeletion', {})).toMatchObject({
    status: 501,
    json: { message: expect.stringContaining('TrentService.ScheduleKeyDeletion is not emulated') },
  });
});
