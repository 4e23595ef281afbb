import { createHmac } from 'node:crypto';
import type { Principal } from './emulator.ts';

/** Services act inside the account without keys, so that only roles and users sign. */
export type SigningPrincipal = Exclude<Principal, { kind: 'service' }>;

/** What an SDK client signs with. */
export interface AccessKey {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  /** Given to roles only, as AWS STS does. */
  readonly sessionToken?: string;
}

/** A key and who holds it. */
export interface IssuedKey {
  readonly accessKey: AccessKey;
  readonly principal: SigningPrincipal;
}

/** The access keys of the emulated account. */
export interface Credentials {
  /** The key of a principal: the same one at every call and at every start over the same state. */
  issue(principal: SigningPrincipal): AccessKey;
  find(accessKeyId: string): IssuedKey | undefined;
}

/**
 * Access keys of the emulated account.
 * @param stateSecret lives in the state folder; every key is derived from it, so none is stored.
 */
export function createCredentials(stateSecret: string | Buffer): Credentials {
  const issued = new Map<string, IssuedKey>();
  return {
    issue(principal) {
      const accessKey = deriveKey(stateSecret, principal);
      issued.set(accessKey.accessKeyId, { accessKey, principal });
      return accessKey;
    },
    find: (accessKeyId) => issued.get(accessKeyId),
  };
}

function deriveKey(stateSecret: string | Buffer, principal: SigningPrincipal): AccessKey {
  const identity =
    principal.kind === 'role' ? [principal.arn, principal.sessionName] : [principal.arn];
  const derive = (purpose: string) =>
    createHmac('sha256', stateSecret)
      .update(JSON.stringify([purpose, principal.kind, ...identity]))
      .digest();
  const accessKey = {
    accessKeyId: (principal.kind === 'role' ? 'ASIA' : 'AKIA') + keyIdSuffix(derive('id')),
    secretAccessKey: derive('secret').toString('base64').slice(0, 40),
  };
  if (principal.kind === 'user') return accessKey;
  return { ...accessKey, sessionToken: derive('token').toString('base64') };
}

/** 16 characters of the base-32 alphabet that AWS key ids are written in. */
function keyIdSuffix(digest: Buffer): string {
  const alphabet = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
  return Array.from(digest.subarray(0, 16), (byte) => alphabet.charAt(byte % 32)).join('');
}
