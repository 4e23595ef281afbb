import { createHash } from 'node:crypto';
import {
  existsSync,
  globSync,
  mkdirSync,
  mkdtempSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { type BuildOptions, buildSync, type Metafile, version } from 'esbuild';
import { builtOnce } from './bundle-cache.ts';

const root = join(import.meta.dirname, '..');
const dist = join(root, 'dist');

/** What is deployed: every file of these two kinds, one bundle each. */
const DEPLOYED = 'functions/**/*.{handler,step}.ts';

/** `serve/request` for `functions/serve/request.handler.ts`. */
export type HandlerName = `${string}/${string}`;

const deployedFiles = (): string[] => globSync(DEPLOYED, { cwd: root }).sort();

const nameOf = (file: string): HandlerName =>
  file.replace(/^functions\//, '').replace(/\.(handler|step)\.ts$/, '') as HandlerName;

export const handlerNames = (): HandlerName[] => deployedFiles().map(nameOf);

interface Bundles {
  readonly code: ReadonlyMap<HandlerName, Uint8Array>;
  readonly metafile: Metafile;
}

let built: Bundles | undefined;

/**
 * Bundles every handler in one esbuild run, once for the same code. CommonJS, because it loads 16 ms faster than
 * ESM with an SDK client in it; the SDK is bundled, which pins it and saves 16 to 54 ms of a cold start;
 * `mainFields` alone takes the SageMaker client from 824 to 298 kB. Source maps lie beside the assets, so
 * that an asset's hash depends on the code only.
 */
export function bundleFunctions(): Bundles {
  if (built) return built;
  const options = buildOptions();
  built = builtOnce(join(dist, 'bundles.v8'), root, [version, options], () => build(options));
  return built;
}

const out = join(dist, 'functions');

const buildOptions = (): BuildOptions => ({
  absWorkingDir: root,
  entryPoints: Object.fromEntries(
    deployedFiles().map((file) => [join(nameOf(file), 'index'), file]),
  ),
  outdir: out,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  outExtension: { '.js': '.cjs' },
  minify: true,
  mainFields: ['module', 'main'],
  external: ['onnxruntime-node', 'onnxruntime-common'],
  sourcemap: 'external',
  sourcesContent: false,
  legalComments: 'none',
  charset: 'utf8',
  logLevel: 'warning',
});

function build(options: BuildOptions): Bundles {
  const { metafile, outputFiles } = buildSync({ ...options, write: false, metafile: true });
  const code = new Map<HandlerName, Uint8Array>();
  for (const { path, contents } of outputFiles) {
    const within = relative(out, path);
    if (path.endsWith('.map')) writeFileIn(join(dist, 'maps', within), contents);
    else code.set(dirname(within) as HandlerName, contents);
  }
  return { code, metafile };
}

/**
 * A folder that holds `index.cjs` of a handler and the given JSON files beside it. Named by its content, so
 * that several syntheses may run at once and nothing is written twice.
 */
export function bundleFolder(
  handler: HandlerName,
  files: Readonly<Record<string, unknown>> = {},
): string {
  const code = bundleFunctions().code.get(handler);
  if (!code)
    throw new Error(
      `no file functions/${handler}.handler.ts or .step.ts; there are: ${handlerNames().join(', ')}`,
    );
  const contents: Record<string, Uint8Array | string> = { 'index.cjs': code };
  for (const [name, value] of Object.entries(files)) contents[name] = JSON.stringify(value);
  const hash = createHash('sha256');
  for (const [name, content] of Object.entries(contents)) hash.update(name).update(content);
  const folder = join(
    dist,
    'assets',
    `${handler.replace('/', '-')}-${hash.digest('hex').slice(0, 16)}`,
  );
  if (!existsSync(folder)) writeFolder(folder, contents);
  return folder;
}

function writeFolder(
  folder: string,
  contents: Readonly<Record<string, Uint8Array | string>>,
): void {
  mkdirSync(dirname(folder), { recursive: true });
  const partial = mkdtempSync(`${folder}.`);
  for (const [name, content] of Object.entries(contents)) writeFileIn(join(partial, name), content);
  try {
    renameSync(partial, folder);
  } catch (error) {
    // Another synthesis was faster with the same content.
    rmSync(partial, { recursive: true, force: true });
    if (!existsSync(folder)) throw error;
  }
}

function writeFileIn(path: string, content: Uint8Array | string): void {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(path, content);
}
