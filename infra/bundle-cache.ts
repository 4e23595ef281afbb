import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { deserialize, serialize } from 'node:v8';

interface Built {
  readonly metafile: { readonly inputs: Readonly<Record<string, unknown>> };
}

interface Kept<Value> {
  readonly recipe: string;
  /** Content digests of every file that went in, by path from the root. */
  readonly inputs: Readonly<Record<string, string>>;
  readonly value: Value;
}

const digestOf = (content: string | Uint8Array): string =>
  createHash('sha256').update(content).digest('hex');

/** File systems take their time from a coarser clock, some of them in steps of two seconds. */
const CLOCK_SPARE_MS = 2_000;

/**
 * What was built before, where nothing that went into it has changed, or what is built now. Imports name
 * whole files and packages are locked, so no file that is new can change what an old one meant.
 * @param file keeps the latest build; several processes may read and write it at once.
 * @param recipe all that the result depends on beside the files.
 */
export function builtOnce<Value extends Built>(
  file: string,
  root: string,
  recipe: unknown,
  build: () => Value,
): Value {
  const recipeDigest = digestOf(
    JSON.stringify([recipe, process.version, digestIn(root, 'package-lock.json')]),
  );
  const kept = existsSync(file) ? (deserialize(readFileSync(file)) as Kept<Value>) : undefined;
  if (kept?.recipe === recipeDigest && isUnchanged(kept.inputs, root)) return kept.value;
  const sinceMs = Date.now() - CLOCK_SPARE_MS;
  const value = build();
  const paths = Object.keys(value.metafile.inputs);
  // Somebody who saves a file meanwhile has it built by the next process, whichever of the two went in.
  if (paths.some((path) => statSync(join(root, path)).mtimeMs >= sinceMs)) return value;
  const inputs = Object.fromEntries(paths.map((path) => [path, digestIn(root, path)]));
  replaceFile(file, serialize({ recipe: recipeDigest, inputs, value } satisfies Kept<Value>));
  return value;
}

const digestIn = (root: string, path: string): string => digestOf(readFileSync(join(root, path)));

const isUnchanged = (inputs: Kept<unknown>['inputs'], root: string): boolean =>
  Object.entries(inputs).every(
    ([path, digest]) => existsSync(join(root, path)) && digestIn(root, path) === digest,
  );

/** Whole or not at all: whoever reads meanwhile finds the old or the new. */
function replaceFile(file: string, content: Uint8Array): void {
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.${randomUUID()}`;
  writeFileSync(partial, content);
  renameSync(partial, file);
}
