import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';

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
export function buildOnnxRuntimeLayer(
  architecture: LayerArchitecture,
  platform = 'linux',
  layers = join(root, 'dist/layers'),
): string {
  const { version } = JSON.parse(
    readFileSync(join(packages, 'onnxruntime-node/package.json'), 'utf8'),
  );
  const folder = join(layers, `onnxruntime-${version}-${platform}-${architecture}`);
  if (!existsSync(folder)) layOut(folder, `${platform}/${NODE_ARCHITECTURE[architecture]}`);
  return folder;
}

function layOut(folder: string, target: string): void {
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  const into = join(partial, 'nodejs/node_modules');
  mkdirSync(into, { recursive: true });
  const binaries = `bin/napi-v6/${target}`;
  for (const part of ['package.json', 'dist', binaries]) copy('onnxruntime-node', part, into);
  for (const part of ['package.json', 'dist/cjs']) copy('onnxruntime-common', part, into);
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another synthesis was faster.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
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
