import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { ServiceError } from './emulator.ts';

/**
 * A ciphertext blob: version, key id, initialization vector, authentication tag, sealed bytes. The
 * encryption context is authenticated and not part of it.
 */
const VERSION = 1;
const KEY_ID_BYTES = 36;
const IV_BYTES = 12;
const TAG_BYTES = 16;
const HEADER_BYTES = 1 + KEY_ID_BYTES + IV_BYTES + TAG_BYTES;

type EncryptionContext = Readonly<Record<string, string>>;

interface SealingKey {
  readonly id: string;
  readonly material: Buffer;
}

/** A new initialization vector each time: the same plaintext never gives the same blob. */
export function sealPlaintext(
  { id, material }: SealingKey,
  plaintext: Buffer,
  context: EncryptionContext,
): Buffer {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv('aes-256-gcm', material, iv).setAAD(additionalData(id, context));
  const sealed = Buffer.concat([cipher.update(plaintext), cipher.final()]);
  return Buffer.concat([Buffer.of(VERSION), Buffer.from(id), iv, cipher.getAuthTag(), sealed]);
}

/** Reads which key sealed a blob, so that the caller can be checked before it is opened. */
export function openCiphertext(blob: Buffer): {
  readonly keyId: string;
  open(key: SealingKey, context: EncryptionContext): Buffer;
} {
  if (blob.length <= HEADER_BYTES || blob[0] !== VERSION) throw invalidCiphertext();
  const keyId = blob.toString('latin1', 1, 1 + KEY_ID_BYTES);
  if (!/^[0-9a-f-]+$/.test(keyId)) throw invalidCiphertext();
  const ivEnd = 1 + KEY_ID_BYTES + IV_BYTES;
  return {
    keyId,
    open({ id, material }, context) {
      const decipher = createDecipheriv(
        'aes-256-gcm',
        material,
        blob.subarray(1 + KEY_ID_BYTES, ivEnd),
        { authTagLength: TAG_BYTES },
      )
        .setAuthTag(blob.subarray(ivEnd, HEADER_BYTES))
        .setAAD(additionalData(id, context));
      const opened = decipher.update(blob.subarray(HEADER_BYTES));
      try {
        return Buffer.concat([opened, decipher.final()]);
      } catch {
        // Node says only that the tag does not fit; KMS does not say more either.
        throw invalidCiphertext();
      }
    },
  };
}

/** The same bytes for the same context, whatever order its pairs come in. */
function additionalData(keyId: string, context: EncryptionContext): Buffer {
  const pairs = Object.entries(context).toSorted(([a], [b]) => (a < b ? -1 : 1));
  return Buffer.from(JSON.stringify([keyId, pairs]));
}

function invalidCiphertext(): ServiceError {
  return new ServiceError(
    400,
    'InvalidCiphertextException',
    'The ciphertext is corrupted, was sealed by another key, or the encryption context is not the one it was sealed with.',
  );
}
