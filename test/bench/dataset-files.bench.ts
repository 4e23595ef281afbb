import { globSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { DatasetClient } from '../../infra/cli/dataset-client.ts';
import { startStack } from '../builders/running-stack.ts';
import { DATA_FILES } from './data-files.ts';

/**
 * Imports real files through the API of a local stack, each under a spec written for it, and keeps the
 * pages of their profiles: `node test/bench/dataset-files.bench.ts FOLDER`.
 */
const [, , folder] = process.argv;
if (!folder) throw new Error('give the folder that the files lie in');

const pages = mkdtempSync(join(tmpdir(), 'slipway-profiles-'));
const stack = await startStack(DATA_FILES.map(({ spec }): ModelSpec => spec));
try {
  const datasets = new DatasetClient(stack.client);
  for (const { file, spec, columns, convert } of DATA_FILES) {
    const [path] = globSync(`**/${file}`, { cwd: folder });
    if (!path) throw new Error(`there is no ${file} in ${folder}`);
    const source = join(folder, path);
    const upload = convert ? join(pages, `${basename(file)}.jsonl`) : source;
    if (convert)
      writeFileSync(
        upload,
        convert(readFileSync(source, 'utf8'), (beside) => readFileSync(source + beside, 'utf8')),
      );
    const started = performance.now();
    const { state } = await datasets.import(spec.name, await datasets.upload(spec.name, upload), {
      columns,
      description: file,
    });
    console.log(
      `${file}: ${((performance.now() - started) / 1000).toFixed(1)} s`,
      JSON.stringify(state).slice(0, 2000),
    );
    if (state.kind !== 'imported') continue;
    const base = `/v1/datasets/${spec.name}/${state.digest}`;
    const shown = await stack.client.request(`GET`, base);
    console.log(JSON.stringify(shown));
    const page = join(pages, `${spec.name}.html`);
    writeFileSync(page, await stack.client.text(`${base}/profile`, 'text/html'));
    console.log(page);
  }
} finally {
  await stack.dispose();
}
