import { cpSync, existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join, relative } from 'node:path';

const root = join(import.meta.dirname, '../..');
const packages = join(root, 'node_modules');

export type LayerArchitecture = 'x86_64' | 'arm64';

/** Node's word for each of Lambda's architectures. */
const NODE_ARCHITECTURE: Readonly<Record<LayerArchitecture, string>> = {
  x86_64: 'x64',
  arm64: 'arm64',
};

/**
 * Lays out the Lambda layer from the installed package and returns its folder. The package holds 288 MB
 * for five platforms, above Lambda's 250 MB; one platform is 46 MB (x86_64) or 26 MB (arm64).
 * @param platform as Node names it; another than Lambda's for running functions on a laptop.
 */
export function buildOnnxRuntimeLayer(architecture: LayerArchitecture, platform = 'linux'): string {
  const binaries = `bin/napi-v6/${platform}/${NODE_ARCHITECTURE[architecture]}`;
  const folder = join(root, 'dist/layers', `onnxruntime-${platform}-${architecture}`);
  if (existsSync(folder)) return folder;
  const partial = `${folder}.${process.pid}`;
  rmSync(partial, { recursive: true, force: true });
  const into = join(partial, 'nodejs/node_modules');
  mkdirSync(into, { recursive: true });
  for (const part of ['package.json', 'dist', binaries]) copy('onnxruntime-node', part, into);
  for (const part of ['package.json', 'dist/cjs']) copy('onnxruntime-common', part, into);
  renameSync(partial, folder);
  return folder;
}

/** Types and source maps are for people who develop the package, not for those who run it. */
const isNeeded = (path: string): boolean => !/\.(d\.ts|map)$/.test(path);

function copy(name: string, part: string, into: string): void {
  cpSync(join(packages, name, part), join(into, name, part), { recursive: true, filter: isNeeded });
}

/** Paths below the layer's folder, sorted. */
export const filesOf = (folder: string): string[] =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => relative(folder, join(entry.parentPath, entry.name)))
    .sort();
