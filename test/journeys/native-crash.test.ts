import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { buildApp } from '../builders/assembly.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { startOver } from '../builders/running-stack.ts';

const spec = aModel('m');

/** A graph that aborts today's ONNX Runtime would not abort the next; the abort is put where it would happen. */
function makeInspectionAbort(assembly: string): void {
  const template = JSON.parse(
    readFileSync(join(assembly, 'slipway-main-delivery.template.json'), 'utf8'),
  );
  const inspect = Object.entries<{ Type: string; Properties: { Code: { S3Key: string } } }>(
    template.Resources,
  ).find(([id, { Type }]) => Type === 'AWS::Lambda::Function' && id.includes('InspectGraph'));
  const hash = inspect?.[1].Properties.Code.S3Key.replace('.zip', '');
  const asset = readdirSync(assembly).find((name) => hash !== undefined && name.includes(hash));
  if (!asset) throw new Error('the inspecting function has no asset');
  writeFileSync(
    join(assembly, asset, 'index.cjs'),
    'exports.handler = async () => process.abort();',
  );
}

test('a native crash while a graph is opened is a refusal and nothing more', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-'));
  const assembly = join(folder, 'cdk.out');
  buildApp([spec], assembly).app.synth();
  makeInspectionAbort(assembly);
  const stack = await startOver(assembly, folder);
  try {
    await expect(stack.client.register('m', linearGraph(spec), '')).rejects.toMatchObject({
      status: 422,
      code: 'ARTIFACT_REFUSED',
      details: [expect.stringMatching(/opening the graph ended the runtime: .*SIGABRT/)],
    });
    expect(await stack.client.versions('m')).toEqual([]);
    expect((await stack.call('GET', '/v2/health/live')).status).toBe(200);
  } finally {
    await stack.stop();
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
});
