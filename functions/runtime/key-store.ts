import { createSecretKey, type KeyObject } from 'node:crypto';
import {
  DecryptCommand,
  GenerateDataKeyCommand,
  GenerateMacCommand,
  KMSClient,
} from '@aws-sdk/client-kms';
import { LIMITS } from '../contracts/limits.ts';
import type { DataKey } from './sealing.ts';

/** The only code that calls KMS. Load it when a key is needed: its client costs a cold start 20 ms. */
export class KeyStore {
  readonly #client = new KMSClient({});

  /** @param context must be given again to open the key. @throws after `keyRequestMs`: a request waits. */
  async newDataKey(keyArn: string, context: Readonly<Record<string, string>>): Promise<DataKey> {
    const { Plaintext, CiphertextBlob } = await this.#client.send(
      new GenerateDataKeyCommand({
        KeyId: keyArn,
        KeySpec: 'AES_256',
        EncryptionContext: { ...context },
      }),
      { abortSignal: AbortSignal.timeout(LIMITS.keyRequestMs) },
    );
    if (!Plaintext || !CiphertextBlob) throw new Error(`KMS gave no data key of ${keyArn}`);
    const encrypted = Buffer.from(CiphertextBlob).toString('base64');
    return { plaintext: createSecretKey(Plaintext), encrypted };
  }

  async openDataKey(
    keyArn: string,
    context: Readonly<Record<string, string>>,
    encrypted: string,
  ): Promise<Uint8Array> {
    const { Plaintext } = await this.#client.send(
      new DecryptCommand({
        KeyId: keyArn,
        CiphertextBlob: Buffer.from(encrypted, 'base64'),
        EncryptionContext: { ...context },
      }),
    );
    if (!Plaintext) throw new Error(`KMS opened nothing with ${keyArn}`);
    return Plaintext;
  }

  /**
   * A secret that is the same for everybody who may ask for it: the MAC of a fixed text under an HMAC key
   * that never leaves KMS. So a keyed hash costs one call an environment, and no secret is stored anywhere.
   */
  async derivedSecret(keyArn: string, purpose: string): Promise<KeyObject> {
    const { Mac } = await this.#client.send(
      new GenerateMacCommand({
        KeyId: keyArn,
        MacAlgorithm: 'HMAC_SHA_256',
        Message: Buffer.from(purpose),
      }),
      { abortSignal: AbortSignal.timeout(LIMITS.keyRequestMs) },
    );
    if (!Mac) throw new Error(`KMS gave no MAC of ${keyArn}`);
    return createSecretKey(Mac);
  }
}
