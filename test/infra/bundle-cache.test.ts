import { globSync, rmSync, utimesSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { builtOnce } from '../../infra/bundle-cache.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const YESTERDAY = new Date(Date.now() - 86_400_000);

function changeBefore(path: string): void {
  writeFileSync(path, 'changed');
  utimesSync(path, YESTERDAY, YESTERDAY);
}

async function aProject() {
  const made = await temporaryFolder();
  const write = (path: string, text: string) => writeFileSync(join(made.folder, path), text);
  write('package-lock.json', '{}');
  for (const path of ['main.ts', 'other.ts']) {
    write(path, path);
    utimesSync(join(made.folder, path), YESTERDAY, YESTERDAY);
  }
  let builds = 0;
  const build = (recipe = 'minified', meanwhile?: () => void) =>
    builtOnce(join(made.folder, 'dist/kept'), made.folder, recipe, () => {
      builds += 1;
      meanwhile?.();
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
  ['a file that went in', ({ folder }) => changeBefore(join(folder, 'other.ts'))],
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

test('what was built while a file was saved is not kept', async () => {
  await using project = await aProject();
  project.build('minified', () => project.write('other.ts', 'saved'));
  utimesSync(join(project.folder, 'other.ts'), YESTERDAY, YESTERDAY);
  expect([project.build(), project.build()]).toEqual([2, 2]);
});
