import { globSync, readFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve } from 'node:path';
import { describe, expect, test } from 'vitest';

const root = resolve(import.meta.dirname, '..');
const sourcesIn = (folder: string): string[] =>
  globSync(`${folder}/**/*.ts`, { cwd: root }).toSorted();
const textOf = (file: string): string => readFileSync(join(root, file), 'utf8');

const functions = sourcesIn('functions');
const infra = sourcesIn('infra');
const tests = sourcesIn('test');

/** What a file imports of this project, static and dynamic, as paths from the root. */
const importsOf = (file: string): string[] =>
  [...textOf(file).matchAll(/(?:from |import\()'(\.[^']+)'/g)].map(([, path = '']) =>
    relative(root, resolve(root, dirname(file), path)),
  );

/** `serve` for what is below `functions/serve/`, `infra` for what is below `infra/`. */
const ownerOf = (file: string): string => {
  const [top = '', second = ''] = file.split('/');
  return top === 'functions' ? second : top;
};

const NOUNS = ['contracts', 'measures', 'models', 'runtime'];
const verbs = [...new Set(functions.map(ownerOf))].filter((folder) => !NOUNS.includes(folder));
const isDeployed = (file: string): boolean => /\.(handler|step)\.ts$/.test(file);

describe('a contract', () => {
  const importers = Map.groupBy(
    [...functions, ...infra].flatMap((file) =>
      importsOf(file).map((imported) => ({ file, imported })),
    ),
    ({ imported }) => imported,
  );

  /** Folders that use a contract, by themselves or through another contract. */
  function usersOf(contract: string, seen = new Set<string>()): Set<string> {
    seen.add(contract);
    const files = (importers.get(contract) ?? []).map(({ file }) => file);
    const through = files.filter((file) => ownerOf(file) === 'contracts' && !seen.has(file));
    return new Set([
      ...files.map(ownerOf).filter((owner) => owner !== 'contracts'),
      ...through.flatMap((file) => [...usersOf(file, seen)]),
    ]);
  }

  /** Written for a second folder that is not there yet, each with that folder. */
  const AWAITED = new Map([['functions/contracts/promotion-events.ts', 'respond']]);

  const contracts = functions.filter((file) => ownerOf(file) === 'contracts');

  test.each(contracts.filter((file) => !AWAITED.has(file)))(
    '%s is used by at least two folders',
    (contract) => {
      expect([...usersOf(contract)].length).toBeGreaterThanOrEqual(2);
    },
  );

  test.each([...AWAITED])('%s still waits for %s', (contract, folder) => {
    expect(contracts).toContain(contract);
    expect(verbs).not.toContain(folder);
  });
});

describe('a verb', () => {
  test.each(verbs)('%s has tests in a folder of the same name', (verb) => {
    expect(tests.filter((file) => file.startsWith(`test/${verb}/`))).not.toEqual([]);
  });

  test('has a construct of the same name exactly when it deploys something', () => {
    const deploying = new Set(functions.filter(isDeployed).map(ownerOf));
    const constructs = infra.flatMap(
      (file) => /^infra\/capabilities\/(.+)\.ts$/.exec(file)?.[1] ?? [],
    );
    expect(constructs).toEqual([...deploying].toSorted());
  });
});

describe('no file', () => {
  test('and no folder is a dumping ground', () => {
    const banned = /^(utils?|helpers?|common|shared|misc|lib|core|types|constants)$/;
    const names = [...functions, ...infra, ...tests, ...sourcesIn('layers')].flatMap((file) =>
      file.split('/').map((part) => [file, part.replace(/(\.[a-z]+)?\.ts$/, '')] as const),
    );
    expect(names.filter(([, name]) => banned.test(name))).toEqual([]);
  });

  test('that deploys does more than compose, parse, call and return', () => {
    const lines = (file: string) => textOf(file).trimEnd().split('\n').length;
    expect(functions.filter((file) => isDeployed(file) && lines(file) > 40)).toEqual([]);
  });

  test('of infra imports runtime code, but for the demo, which plays a team', () => {
    const isOpen = (imported: string): boolean =>
      ['contracts', 'models'].includes(ownerOf(imported)) || basename(imported) === 'env.ts';
    const isDemo = (file: string): boolean => file.startsWith('infra/local/demo/');
    const isTrainer = (imported: string): boolean =>
      ['retrain', 'measures'].includes(ownerOf(imported));
    expect(
      infra.flatMap((file) =>
        importsOf(file)
          .filter((imported) => imported.startsWith('functions/') && !isOpen(imported))
          .filter((imported) => !(isDemo(file) && isTrainer(imported)))
          .map((imported) => `${file} imports ${imported}`),
      ),
    ).toEqual([]);
  });
});
