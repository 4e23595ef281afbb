import { execFile } from 'node:child_process';
import { statSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { describe, expect, test } from 'vitest';
import { buildOnnxRuntimeLayer, filesOf } from '../../layers/onnxruntime/build.ts';
import expectedFiles from '../../layers/onnxruntime/expected-files.json' with { type: 'json' };
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

/** Lambda allows 250 MB for a function and its layers; what is loaded at a cold start should be far less. */
const MOST_BYTES = 60_000_000;

/** What a serving function does with the layer, in CommonJS as its bundle is. */
const PROGRAM = `
  const ort = require('onnxruntime-node');
  ort.InferenceSession.create(process.argv[2]).then(async (session) => {
    const x = new ort.Tensor('float32', Float32Array.of(1, 2, 3), [1, 3]);
    const { o } = await session.run({ x });
    process.stdout.write(JSON.stringify({
      from: require.resolve('onnxruntime-node'), answer: [...o.data],
    }));
  });
`;

describe.each(['x86_64', 'arm64'] as const)('the layer for %s', (architecture) => {
  test('holds the expected files, and takes little of what Lambda allows', async () => {
    await using made = await temporaryFolder();
    const layer = buildOnnxRuntimeLayer(architecture, 'linux', made.folder);
    const files = filesOf(layer);
    expect(files).toEqual(expectedFiles[architecture]);
    const bytes = files.reduce((sum, file) => sum + statSync(join(layer, file)).size, 0);
    expect(bytes).toBeLessThan(MOST_BYTES);
  });
});

test('a process with the layer alone on NODE_PATH opens a graph and runs it', async () => {
  await using made = await temporaryFolder();
  const host = process.arch === 'arm64' ? 'arm64' : 'x86_64';
  const layer = buildOnnxRuntimeLayer(host, process.platform, made.folder);
  const program = join(made.folder, 'program.cjs');
  const graph = join(made.folder, 'model.onnx');
  await writeFile(program, PROGRAM);
  await writeFile(graph, linearGraph(aModel(), { weight: 2, bias: 1 }));
  const modules = join(layer, 'nodejs/node_modules');
  const { stdout } = await promisify(execFile)(process.execPath, [program, graph], {
    cwd: made.folder,
    env: { NODE_PATH: modules },
  });
  expect(JSON.parse(stdout)).toEqual({
    from: join(modules, 'onnxruntime-node/dist/index.js'),
    answer: [13],
  });
});
