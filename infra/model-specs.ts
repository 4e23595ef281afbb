import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as z from 'zod';
import { type ModelSpec, parseModelSpec } from '../functions/contracts/model-spec.ts';

const FOLDER = join(import.meta.dirname, '../functions/models');

/**
 * Reads every spec in `functions/models/`: adding a model is adding a file.
 * @throws naming the file and every fault in it.
 */
export async function readModelSpecs(folder = FOLDER): Promise<ModelSpec[]> {
  // zod/mini, which the contracts use for its size, carries no words for its messages.
  z.config(z.locales.en());
  const files = readdirSync(folder)
    .filter((name) => name.endsWith('.ts'))
    .sort();
  const specs = await Promise.all(files.map((file) => readSpec(join(folder, file))));
  const names = specs.map(({ name }) => name);
  const twice = names.find((name, at) => names.indexOf(name) !== at);
  if (twice) throw new Error(`two files in ${folder} describe a model named "${twice}"`);
  return specs;
}

async function readSpec(file: string): Promise<ModelSpec> {
  const exported = Object.values(
    (await import(pathToFileURL(file).href)) as Record<string, unknown>,
  );
  if (exported.length !== 1)
    throw new Error(
      `${file} exports ${exported.length} values; a model file exports its spec only`,
    );
  return parseModelSpec(exported[0], file);
}
