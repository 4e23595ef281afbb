import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';

const root = join(import.meta.dirname, '../..');

/** What the CDK CLI would hand to the app. */
function contextOf(extra: Readonly<Record<string, unknown>>): string {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  return JSON.stringify({ ...context, ...extra });
}

/**
 * Synthesizes the app into a folder, as `cdk synth` does, without the CLI's start and the validation that
 * the checks run.
 * @throws with the app's own message when it refuses.
 */
export async function synthesize(
  into: string,
  context: Readonly<Record<string, unknown>> = {},
): Promise<void> {
  const env = {
    ...process.env,
    CDK_OUTDIR: into,
    CDK_CONTEXT_JSON: contextOf(context),
    CDK_VALIDATION: 'false',
  };
  try {
    await promisify(execFile)(process.execPath, [join(root, 'infra/app.ts')], { cwd: root, env });
  } catch (error) {
    const words =
      error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new Error(`the app could not be synthesized:\n${words.slice(0, 4000)}`, { cause: error });
  }
}
