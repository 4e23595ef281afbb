import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  type KeyObject,
  randomBytes,
} from 'node:crypto';
import { LIMITS } from '../contracts/limits.ts';
import type { Sealed } from '../contracts/prediction-line.ts';

/** A key that KMS made: to seal with, and as it is kept beside what it sealed. */
export interface DataKey {
  /** A key object, because bytes would be made into one for each use, which takes longer than the use. */
  readonly plaintext: KeyObject;
  /** In base64. */
  readonly encrypted: string;
}

const ALGORITHM = 'aes-256-gcm';
const IV_BYTES = 12;
const TAG_BYTES = 16;

/** @param boundTo must be given again to open it, so that sealed text cannot be moved elsewhere. */
export function seal({ plaintext, encrypted }: DataKey, text: string, boundTo: string): Sealed {
  const iv = randomBytes(IV_BYTES);
  const cipher = createCipheriv(ALGORITHM, plaintext, iv).setAAD(Buffer.from(boundTo));
  const ciphertext = Buffer.concat([
    cipher.update(text, 'utf8'),
    cipher.final(),
    cipher.getAuthTag(),
  ]);
  return {
    dataKey: encrypted,
    iv: iv.toString('base64'),
    ciphertext: ciphertext.toString('base64'),
  };
}

/** Opens what was sealed, asking for each data key once while it is among those used lately. */
export class Unsealer {
  readonly #openDataKey: (encrypted: string) => Promise<Uint8Array>;
  /** In order of use. */
  readonly #keys = new Map<string, Promise<Uint8Array>>();

  constructor(openDataKey: (encrypted: string) => Promise<Uint8Array>) {
    this.#openDataKey = openDataKey;
  }

  /** @throws when it was changed, or sealed for something else. */
  async open({ dataKey, iv, ciphertext }: Sealed, boundTo: string): Promise<string> {
    const key = await this.#key(dataKey);
    const bytes = Buffer.from(ciphertext, 'base64');
    const decipher = createDecipheriv(ALGORITHM, key, Buffer.from(iv, 'base64'), {
      authTagLength: TAG_BYTES,
    })
      .setAuthTag(bytes.subarray(-TAG_BYTES))
      .setAAD(Buffer.from(boundTo));
    const opened = [decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()];
    return Buffer.concat(opened).toString('utf8');
  }

  async #key(encrypted: string): Promise<Uint8Array> {
    const key = this.#keys.get(encrypted) ?? this.#openDataKey(encrypted);
    this.#keys.delete(encrypted);
    this.#keys.set(encrypted, key);
    const [oldest = ''] = this.#keys.keys();
    if (this.#keys.size > LIMITS.openDataKeys) this.#keys.delete(oldest);
    try {
      return await key;
    } catch (error) {
      // A refusal of the moment must not be remembered.
      this.#keys.delete(encrypted);
      throw new Error('a data key of the log could not be opened', { cause: error });
    }
  }
}

/** HMAC-SHA-256 in base64url: the same text hashes alike everywhere, and nobody without the key can try texts. */
export const keyedHash = (key: KeyObject, text: string): string =>
  createHmac('sha256', key).update(text, 'utf8').digest('base64url');

/** Whether a text has the form of such a hash. */
export const isKeyedHash = (text: string): boolean => /^[\w-]{43}$/.test(text);
