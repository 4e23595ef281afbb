import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, describe, expect, test } from 'vitest';
import { buildApp } from '../builders/assembly.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, serveLinear, startOver } from '../builders/running-stack.ts';

const spec = aModel('m');
let stack: RunningStack | undefined;
let folder = '';
afterEach(async () => {
  await stack?.stop();
  rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
});

/** The app with one action taken out of every policy it stands in, as if a construct had forgotten it. */
async function startWithout(action: string): Promise<RunningStack> {
  folder = mkdtempSync(join(tmpdir(), 'slipway-'));
  const assembly = join(folder, 'cdk.out');
  buildApp([spec], assembly).app.synth();
  for (const file of readdirSync(assembly).filter((name) => name.endsWith('.template.json'))) {
    const template = readFileSync(join(assembly, file), 'utf8');
    writeFileSync(
      join(assembly, file),
      template.replaceAll(`"${action}"`, '"sts:GetCallerIdentity"'),
    );
  }
  stack = await startOver(assembly, folder);
  return stack;
}

async function lastLine({ logs }: RunningStack, group: string): Promise<string> {
  let last = '';
  for await (const { message } of logs.read(`/slipway/main/${group}`)) last = message;
  return last;
}

describe('a permission that a construct forgets', () => {
  test('fails the journey that needs it, with action and resource in the log', async () => {
    const running = await startWithout('dynamodb:PutItem');
    await expect(running.client.register('m', linearGraph(spec), '')).rejects.toMatchObject({
      status: 500,
    });
    const line = await lastLine(running, 'promote/operator-api/all');
    expect(line).toMatch(
      /is not authorized to perform: dynamodb:PutItem on resource: arn:aws:dynamodb:[^ ]*Versions/,
    );
  });

  test('on the route table leaves serving not ready, and says why', async () => {
    const running = await startWithout('dynamodb:GetItem');
    await expect(serveLinear(running, spec)).rejects.toMatchObject({ status: 500 });
    expect(await lastLine(running, 'promote/operator-api/all')).toMatch(
      /not authorized to perform: dynamodb:GetItem on resource: arn:aws:dynamodb:[^ ]*/,
    );
  });
});
