import { createHmac } from 'node:crypto';
import { mkdir } from 'node:fs/promises';
import * as z from 'zod';
import { dispatch, type Operation, parseInput } from './aws-json.ts';
import type { Call, EmulatedType, Emulator, Place, Resource } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { asText } from './json.ts';
import { openCiphertext, sealPlaintext } from './kms-ciphertext.ts';
import { authorizeKeyUse, type KeyUse, keyArn } from './kms-keys.ts';
import { readMaterial } from './kms-material.ts';
import { physicalName, physicalUuid } from './physical-name.ts';

/** Where key material lives, and whose keys they are. */
export interface KmsOptions {
  /** Where key material lives, in files that only the owner may read. */
  readonly folder: string;
  readonly place: Place;
}

interface Key {
  readonly id: string;
  readonly arn: string;
  readonly material: Buffer;
  readonly description: string;
  readonly isEnabled: boolean;
  readonly usage: KeyUsage;
}

type KeyUsage = 'ENCRYPT_DECRYPT' | 'GENERATE_VERIFY_MAC';

/** What is there after start. */
interface Keyring {
  readonly place: Place;
  /** By key id. */
  readonly keys: ReadonlyMap<string, Key>;
  /** Key ids by alias name, `alias/…`. */
  readonly aliases: ReadonlyMap<string, string>;
}

const LARGEST_PLAINTEXT_BYTES = 4096;

const base64 = (maxBytes: number) =>
  z
    .base64()
    .transform((text) => Buffer.from(text, 'base64'))
    .refine(
      (bytes) => bytes.length >= 1 && bytes.length <= maxBytes,
      `must have between 1 and ${maxBytes} bytes`,
    );
const EncryptionContext = z.record(z.string(), z.string()).default({});
const KeyId = z.string().min(1).max(2048);

const EncryptInput = z.object({
  KeyId,
  Plaintext: base64(LARGEST_PLAINTEXT_BYTES),
  EncryptionContext,
  EncryptionAlgorithm: z.literal('SYMMETRIC_DEFAULT').optional(),
});
const DecryptInput = z.object({
  CiphertextBlob: base64(6144),
  KeyId: KeyId.optional(),
  EncryptionContext,
  EncryptionAlgorithm: z.literal('SYMMETRIC_DEFAULT').optional(),
});
const GenerateDataKeyInput = z
  .object({
    KeyId,
    KeySpec: z.enum(['AES_256', 'AES_128']).optional(),
    NumberOfBytes: z.int().min(1).max(1024).optional(),
    EncryptionContext,
  })
  .refine(
    ({ KeySpec, NumberOfBytes }) => (KeySpec === undefined) !== (NumberOfBytes === undefined),
    'Please specify either number of bytes or key spec.',
  );
const GenerateMacInput = z.object({
  KeyId,
  Message: base64(LARGEST_PLAINTEXT_BYTES),
  MacAlgorithm: z.literal('HMAC_SHA_256'),
});
const DescribeKeyInput = z.object({ KeyId });

/** KMS with real AES-256-GCM, so that a lost key or a wrong context fails here as it does in AWS. */
export function createKms({ folder, place }: KmsOptions): Emulator {
  let keyring: Keyring = { place, keys: new Map(), aliases: new Map() };
  return {
    signingName: 'kms',
    types: kmsTypes,
    async start(resources) {
      await mkdir(folder, { recursive: true, mode: 0o700 });
      keyring = await readKeyring(folder, resources, place);
    },
    handle(call) {
      const operations = operationsOn(keyring);
      const protocol = { targetPrefix: 'TrentService', version: '1.1' } as const;
      return dispatch({ name: 'KMS', ...protocol, operations }, call);
    },
    stop: () => Promise.resolve(),
  };
}

const kmsTypes: Readonly<Record<string, EmulatedType>> = {
  'AWS::KMS::Key': {
    identify(resource, place) {
      const id = physicalUuid(resource);
      return { ref: id, attributes: { Arn: keyArn(id, place), KeyId: id } };
    },
    honoured: ['Description', 'Enabled', 'KeyPolicy', 'KeySpec', 'KeyUsage'],
    inert: {
      BypassPolicyLockoutSafetyCheck: 'nobody can be locked out of this machine',
      EnableKeyRotation: 'rotation keeps old material, so nothing that callers see changes',
      PendingWindowInDays: 'keys go with the state folder',
      RotationPeriodInDays: 'rotation keeps old material, so nothing that callers see changes',
      Tags: 'no emulated policy looks at them',
    },
  },
  'AWS::KMS::Alias': {
    identify: (resource) => ({
      ref: physicalName(resource, 'AliasName', 256),
      attributes: {},
    }),
    honoured: ['AliasName', 'TargetKeyId'],
    inert: {},
  },
};

async function readKeyring(
  folder: string,
  resources: readonly Resource[],
  place: Place,
): Promise<Keyring> {
  const keys = new Map<string, Key>();
  const aliases = new Map<string, string>();
  for (const { type, ref, path, properties } of resources) {
    if (type === 'AWS::KMS::Alias') {
      const target = asText(properties['TargetKeyId']).split('/').at(-1) ?? '';
      aliases.set(ref, target);
    }
    if (type !== 'AWS::KMS::Key') continue;
    const usage = usageOf(path, properties);
    keys.set(ref, {
      id: ref,
      arn: keyArn(ref, place),
      material: await readMaterial(folder, ref),
      description: asText(properties['Description'] ?? ''),
      isEnabled: properties['Enabled'] !== false,
      usage,
    });
  }
  return { place, keys, aliases };
}

function usageOf(path: string, { KeySpec, KeyUsage }: Resource['properties']): KeyUsage {
  const spec = KeySpec ?? 'SYMMETRIC_DEFAULT';
  const usage = KeyUsage ?? 'ENCRYPT_DECRYPT';
  if (spec === 'SYMMETRIC_DEFAULT' && usage === 'ENCRYPT_DECRYPT') return usage;
  if (spec === 'HMAC_256' && usage === 'GENERATE_VERIFY_MAC') return usage;
  throw new TypeError(
    `${path}: only symmetric encryption keys and HMAC_256 keys are emulated; got ${JSON.stringify({ KeySpec, KeyUsage })}`,
  );
}

function operationsOn(keyring: Keyring): Readonly<Record<string, Operation>> {
  return {
    async GenerateDataKey(request, call) {
      const input = parseInput(GenerateDataKeyInput, request);
      const key = findUsable(keyring, call, input, 'kms:GenerateDataKey');
      const size = input.NumberOfBytes ?? (input.KeySpec === 'AES_128' ? 16 : 32);
      const plaintext = crypto.getRandomValues(Buffer.alloc(size));
      return {
        KeyId: key.arn,
        Plaintext: plaintext.toString('base64'),
        CiphertextBlob: sealPlaintext(key, plaintext, input.EncryptionContext).toString('base64'),
      };
    },
    async Encrypt(request, call) {
      const input = parseInput(EncryptInput, request);
      const key = findUsable(keyring, call, input, 'kms:Encrypt');
      const sealed = sealPlaintext(key, input.Plaintext, input.EncryptionContext);
      return {
        KeyId: key.arn,
        CiphertextBlob: sealed.toString('base64'),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      };
    },
    async Decrypt(request, call) {
      const input = parseInput(DecryptInput, request);
      const opener = openCiphertext(input.CiphertextBlob);
      const key = findUsable(keyring, call, { ...input, KeyId: opener.keyId }, 'kms:Decrypt');
      if (input.KeyId !== undefined && findKey(keyring, input.KeyId).key.id !== key.id) {
        const message =
          'The key ID in the request does not identify a CMK that can perform this operation.';
        throw new ServiceError(400, 'IncorrectKeyException', message);
      }
      return {
        KeyId: key.arn,
        Plaintext: opener.open(key, input.EncryptionContext).toString('base64'),
        EncryptionAlgorithm: 'SYMMETRIC_DEFAULT',
      };
    },
    async GenerateMac(request, call) {
      const { Message, MacAlgorithm, ...input } = parseInput(GenerateMacInput, request);
      const key = findUsable(keyring, call, input, 'kms:GenerateMac');
      return {
        KeyId: key.arn,
        MacAlgorithm,
        Mac: createHmac('sha256', key.material).update(Message).digest('base64'),
      };
    },
    async DescribeKey(request, call) {
      const { KeyId: keyId } = parseInput(DescribeKeyInput, request);
      const { key, alias } = findKey(keyring, keyId);
      authorizeKeyUse(call, keyring.place, {
        action: 'kms:DescribeKey',
        keyArn: key.arn,
        ...(alias && { alias }),
      });
      return { KeyMetadata: describe(key, keyring.place) };
    },
  };
}

/** The key a request names, once the caller may use it and it is enabled. */
function findUsable(
  keyring: Keyring,
  call: Call,
  input: { readonly KeyId: string; readonly EncryptionContext?: Record<string, string> },
  action: KeyUse['action'],
): Key {
  const { key, alias } = findKey(keyring, input.KeyId);
  authorizeKeyUse(call, keyring.place, {
    action,
    keyArn: key.arn,
    ...(input.EncryptionContext && { encryptionContext: input.EncryptionContext }),
    ...(alias && { alias }),
  });
  const usage = action === 'kms:GenerateMac' ? 'GENERATE_VERIFY_MAC' : 'ENCRYPT_DECRYPT';
  if (key.usage !== usage)
    throw new ServiceError(
      400,
      'InvalidKeyUsageException',
      `${key.arn} key usage is ${key.usage} which is not valid for ${action.slice('kms:'.length)}.`,
    );
  if (key.isEnabled) return key;
  throw new ServiceError(400, 'DisabledException', `${key.arn} is disabled.`);
}

/** Finds a key by id, key ARN, alias name or alias ARN. */
function findKey({ keys, aliases }: Keyring, given: string): { key: Key; alias?: string } {
  const name = given.replace(/^arn:aws:kms:[^:]*:\d*:(key\/)?/, '');
  const alias = name.startsWith('alias/') ? name : undefined;
  const key = keys.get(alias === undefined ? name : (aliases.get(alias) ?? ''));
  if (key !== undefined) return { key, ...(alias !== undefined && { alias }) };
  const what = alias === undefined ? 'Key' : 'Alias';
  throw new ServiceError(400, 'NotFoundException', `${what} '${given}' is not found.`);
}

const SPECS: Readonly<Record<KeyUsage, object>> = {
  ENCRYPT_DECRYPT: {
    KeySpec: 'SYMMETRIC_DEFAULT',
    CustomerMasterKeySpec: 'SYMMETRIC_DEFAULT',
    EncryptionAlgorithms: ['SYMMETRIC_DEFAULT'],
  },
  GENERATE_VERIFY_MAC: {
    KeySpec: 'HMAC_256',
    CustomerMasterKeySpec: 'HMAC_256',
    MacAlgorithms: ['HMAC_SHA_256'],
  },
};

function describe({ id, arn, description, isEnabled, usage }: Key, { account }: Place) {
  return {
    AWSAccountId: account,
    KeyId: id,
    Arn: arn,
    Description: description,
    Enabled: isEnabled,
    KeyState: isEnabled ? 'Enabled' : 'Disabled',
    KeyUsage: usage,
    ...SPECS[usage],
    KeyManager: 'CUSTOMER',
    Origin: 'AWS_KMS',
    MultiRegion: false,
  };
}
