import { createSecretKey, randomBytes } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test, vi } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { type DataKey, keyedHash, seal, Unsealer } from '../../functions/runtime/sealing.ts';

/** Data keys "encrypted" by naming them. */
function keyring() {
  const keys = new Map<string, Uint8Array>();
  const open = vi.fn<(encrypted: string) => Promise<Uint8Array>>(async (encrypted) => {
    const key = keys.get(encrypted);
    if (!key) throw new Error('AccessDeniedException');
    return key;
  });
  const make = (encrypted = String(keys.size)): DataKey => {
    const bytes = randomBytes(32);
    keys.set(encrypted, bytes);
    return { plaintext: createSecretKey(bytes), encrypted };
  };
  return { keys, open, make };
}

describe('sealed text', () => {
  test('opens to what it was, whatever it is', async () => {
    const { make, open } = keyring();
    const key = make();
    const unsealer = new Unsealer(open);
    await fc.assert(
      fc.asyncProperty(fc.string({ unit: 'binary' }), async (text) => {
        const whole = Buffer.from(text).toString();
        expect(await unsealer.open(seal(key, whole, 'p1'), 'p1')).toBe(whole);
      }),
    );
    expect(open).toHaveBeenCalledTimes(1);
  });

  test('opens for nothing else than it was sealed for, and not once it was changed', async () => {
    const { make, open } = keyring();
    const sealed = seal(make(), '{"floor":3}', 'p1');
    const unsealer = new Unsealer(open);
    await expect(unsealer.open(sealed, 'p2')).rejects.toThrow(/authenticate/);
    const changed = Buffer.from(sealed.ciphertext, 'base64');
    changed[0] = (changed[0] ?? 0) ^ 1;
    await expect(
      unsealer.open({ ...sealed, ciphertext: changed.toString('base64') }, 'p1'),
    ).rejects.toThrow(/authenticate/);
  });

  test('never looks the same twice', () => {
    const key = keyring().make();
    expect(seal(key, 'x', 'p1')).not.toEqual(seal(key, 'x', 'p1'));
  });
});

describe('data keys', () => {
  test('are kept open while they are among those used lately', async () => {
    const { make, open } = keyring();
    const sealed = Array.from({ length: LIMITS.openDataKeys + 1 }, () => seal(make(), 'x', 'p'));
    const unsealer = new Unsealer(open);
    for (const each of sealed) await unsealer.open(each, 'p');
    for (const each of sealed.slice(-5)) await unsealer.open(each, 'p');
    expect(open).toHaveBeenCalledTimes(sealed.length);
    for (const each of sealed.slice(0, 1)) await unsealer.open(each, 'p');
    expect(open).toHaveBeenCalledTimes(sealed.length + 1);
  });

  test('that KMS refused are asked for again', async () => {
    const { keys, make, open } = keyring();
    const sealed = seal(make('k'), 'x', 'p');
    const unsealer = new Unsealer(open);
    const key = keys.get('k') ?? new Uint8Array();
    keys.delete('k');
    await expect(unsealer.open(sealed, 'p')).rejects.toThrow('could not be opened');
    keys.set('k', key);
    expect(await unsealer.open(sealed, 'p')).toBe('x');
  });
});

test('a keyed hash is the HMAC of RFC 4231, case 2', () => {
  expect(
    Buffer.from(
      keyedHash(createSecretKey(Buffer.from('Jefe')), 'what do ya want for nothing?'),
      'base64url',
    ).toString('hex'),
  ).toBe('5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843');
});
