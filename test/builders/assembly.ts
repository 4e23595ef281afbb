import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { App } from 'aws-cdk-lib/core';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { addStacks } from '../../infra/stacks/add-stacks.ts';

const root = join(import.meta.dirname, '../..');

/** The app as `cdk synth` would make it, with the given models. @param settings as given by `-c`. */
export function buildApp(
  specs: readonly ModelSpec[],
  outdir?: string,
  settings: Readonly<Record<string, unknown>> = {},
) {
  const { context } = JSON.parse(readFileSync(join(root, 'cdk.json'), 'utf8'));
  const app = new App({
    context: { ...context, ...settings },
    analyticsReporting: false,
    ...(outdir && { outdir }),
  });
  return { app, ...addStacks(app, specs) };
}
