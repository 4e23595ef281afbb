import { randomBytes, randomUUID } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';

const MATERIAL_BYTES = 32;

/** The secret of a key, made at its first use; losing the file loses everything sealed under it. */
export async function readMaterial(folder: string, keyId: string): Promise<Buffer> {
  const path = join(folder, `${keyId}.key`);
  const kept = await readFile(path).catch((failure: NodeJS.ErrnoException) => {
    if (failure.code === 'ENOENT') return undefined;
    throw failure;
  });
  if (kept === undefined) return createMaterial(folder, path);
  if (kept.length === MATERIAL_BYTES) return kept;
  throw new Error(
    `${path} holds ${kept.length} bytes instead of ${MATERIAL_BYTES}: it was damaged, and what it sealed is lost. Delete .slipway to start over.`,
  );
}

/** Written beside and renamed, so that a crash leaves no half a key. */
async function createMaterial(folder: string, path: string): Promise<Buffer> {
  const material = randomBytes(MATERIAL_BYTES);
  const draft = join(folder, `${randomUUID()}.draft`);
  const handle = await open(draft, 'wx', 0o600);
  try {
    await handle.writeFile(material);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(draft, path);
  return material;
}
