import { globSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { builtOnce } from '../../infra/bundle-cache.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

async function aProject() {
  const made = await temporaryFolder();
  const write = (path: string, text: string) => writeFileSync(join(made.folder, path), text);
  write('package-lock.json', '{}');
  write('main.ts', 'one');
  write('other.ts', 'two');
  let builds = 0;
  const build = (recipe = 'minified') =>
    builtOnce(join(made.folder, 'dist/kept'), made.folder, recipe, () => {
      builds += 1;
      const inputs = globSync('*.ts', { cwd: made.folder }).map((path) => [path, {}]);
      return { builds, metafile: { inputs: Object.fromEntries(inputs) } };
    }).builds;
  return { ...made, write, build, [Symbol.asyncDispose]: () => made[Symbol.asyncDispose]() };
}

test('the same code is built once, by whichever process', async () => {
  await using project = await aProject();
  expect([project.build(), project.build()]).toEqual([1, 1]);
});

test.each<[string, (project: Awaited<ReturnType<typeof aProject>>) => void]>([
  ['a file that went in', ({ write }) => write('other.ts', 'three')],
  ['the number of files', ({ folder }) => rmSync(join(folder, 'other.ts'))],
  ['a locked package', ({ write }) => write('package-lock.json', '{"packages":{}}')],
])('it is built anew when %s has changed, and then once', async (_, change) => {
  await using project = await aProject();
  project.build();
  change(project);
  expect([project.build(), project.build()]).toEqual([2, 2]);
});

test('it is built anew by another recipe', async () => {
  await using project = await aProject();
  project.build();
  expect(project.build('readable')).toBe(2);
});
