import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A folder that goes with the test: `await using folder = await temporaryFolder()`. */
export async function temporaryFolder() {
  const folder = await mkdtemp(join(tmpdir(), 'slipway-test-'));
  return { folder, [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }) };
}
