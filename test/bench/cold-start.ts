import { spawn } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { artifactKey } from '../../functions/contracts/version.ts';
import { bundleFolder } from '../../infra/bundle.ts';
import { buildOnnxRuntimeLayer } from '../../layers/onnxruntime/build.ts';
import type { BenchModel } from './bench-models.ts';

export interface ColdStart {
  readonly what: string;
  readonly medianMs: number;
  readonly leastMs: number;
  readonly mostMs: number;
  /** Of the processor, which other programs on the machine lengthen less. */
  readonly medianCpuMs: number;
}

const RUNS = 15;
const MODULES = join(
  buildOnnxRuntimeLayer(process.arch === 'arm64' ? 'arm64' : 'x86_64', process.platform),
  'nodejs/node_modules',
);

/** Every program says on descriptor 3 when it is done, and what it took of the processor. */
const DONE = `require('node:fs').writeSync(3, JSON.stringify(process.cpuUsage()));`;
const LOAD = `const { handler } = require(process.env.LAMBDA_TASK_ROOT + '/index.cjs');`;
const CALL = `
  handler(JSON.parse(process.env.EVENT), {}).then(({ statusCode, body }) => {
    if (statusCode !== 200) throw new Error(body);
    ${DONE}
  });`;

/** Starts the serving bundle in new processes against a loopback server that stands for DynamoDB, S3 and KMS. */
export async function measureColdStarts(model: BenchModel): Promise<ColdStart[]> {
  const { spec } = model;
  const aws = await serveStubs(model);
  const env = {
    LAMBDA_TASK_ROOT: bundleFolder('serve/request', { 'spec.json': spec }),
    NODE_PATH: MODULES,
    ROUTE_TABLE: 'routes',
    VERSION_TABLE: 'versions',
    ARTIFACT_BUCKET: 'artifacts',
    SEALING_KEY: 'sealing',
    HASH_KEY: 'hashing',
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'bench',
    AWS_SECRET_ACCESS_KEY: 'bench',
    AWS_ENDPOINT_URL: `http://127.0.0.1:${(aws.address() as AddressInfo).port}`,
    EVENT: JSON.stringify({
      httpMethod: 'POST',
      path: `/v1/models/${spec.name}/predict`,
      headers: {},
      requestContext: { identity: { apiKeyId: 'bench' } },
      body: JSON.stringify(spec.example),
    }),
  };
  const native = `
    const ort = require('onnxruntime-node');
    ort.InferenceSession.create(${JSON.stringify(model.path)}, { intraOpNumThreads: 1 })
      .then(() => { ${DONE} });`;
  const programs: [string, string][] = [
    ['bare node -e 0', DONE],
    ['+ the bundle loaded', `${LOAD}${DONE}`],
    ['onnxruntime alone: loaded, session of the model', native],
    ['the bundle, first prediction answered', `${LOAD}${CALL}`],
  ];
  try {
    return await inTurns(programs, env);
  } finally {
    aws.closeAllConnections();
    aws.close();
  }
}

/** One run of each, over and over, so that a busy moment of the machine meets all alike. */
async function inTurns(
  programs: readonly (readonly [string, string])[],
  env: Readonly<Record<string, string>>,
): Promise<ColdStart[]> {
  const times = programs.map((): Run[] => []);
  for (let run = 0; run <= RUNS; run++)
    for (const [at, [, program]] of programs.entries()) {
      const timed = await timeOne(program, env);
      // The first of each only fills the page cache.
      if (run > 0) times[at]?.push(timed);
    }
  return programs.map(([what], at) => {
    const sorted = (of: keyof Run) =>
      (times[at] ?? []).map((run) => run[of]).toSorted((a, b) => a - b);
    const middle = Math.floor(RUNS / 2);
    return {
      what,
      medianMs: sorted('ms')[middle] ?? Number.NaN,
      leastMs: sorted('ms')[0] ?? Number.NaN,
      mostMs: sorted('ms').at(-1) ?? Number.NaN,
      medianCpuMs: sorted('cpuMs')[middle] ?? Number.NaN,
    };
  });
}

interface Run {
  readonly ms: number;
  readonly cpuMs: number;
}

async function timeOne(program: string, env: Readonly<Record<string, string>>): Promise<Run> {
  // A new execution environment has an empty /tmp.
  const temporary = mkdtempSync(join(tmpdir(), 'slipway-cold-'));
  const done = Promise.withResolvers<Run>();
  const exited = Promise.withResolvers<void>();
  const started = performance.now();
  const child = spawn(process.execPath, ['-e', program], {
    env: { ...env, TMPDIR: temporary },
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  });
  child.stdio[3]?.once('data', (said: Buffer) => {
    const { user, system }: NodeJS.CpuUsage = JSON.parse(said.toString('utf8'));
    done.resolve({ ms: performance.now() - started, cpuMs: (user + system) / 1000 });
  });
  child.once('exit', (code) => {
    exited.resolve();
    done.reject(new Error(`the program ended with ${code} and was not done`));
  });
  try {
    return await done.promise;
  } finally {
    child.kill();
    await exited.promise;
    rmSync(temporary, { recursive: true, force: true });
  }
}

/** Answers the calls of a cold start: the route from DynamoDB, the artifact from S3, a data key from KMS. */
async function serveStubs({ spec, digest, path }: BenchModel): Promise<Server> {
  const artifact = readFileSync(path);
  const text = (value: string) => ({ S: value });
  const route = JSON.stringify({
    Item: {
      model: text(spec.name),
      epoch: { N: '1' },
      champion: { M: { version: text('1'), digest: text(digest) } },
      changedAt: text('2026-11-23T00:00:00.000Z'),
      changedBy: text('bench'),
      reason: text('bench'),
    },
  });
  const dataKey = JSON.stringify({
    KeyId: 'sealing',
    Plaintext: Buffer.alloc(32, 1).toString('base64'),
    CiphertextBlob: Buffer.alloc(184, 2).toString('base64'),
  });
  const key = `/artifacts/${artifactKey(spec.name, digest)}`;
  const server = createServer((request, response) => {
    request.resume();
    if (request.headers['x-amz-target'] === 'DynamoDB_20120810.GetItem')
      response.setHeader('content-type', 'application/x-amz-json-1.0').end(route);
    else if (request.headers['x-amz-target'] === 'TrentService.GenerateDataKey')
      response.setHeader('content-type', 'application/x-amz-json-1.1').end(dataKey);
    else if (request.url?.startsWith(key)) response.end(artifact);
    else response.writeHead(404).end();
  });
  const { promise, resolve } = Promise.withResolvers<void>();
  server.listen(0, '127.0.0.1', resolve);
  await promise;
  return server;
}
