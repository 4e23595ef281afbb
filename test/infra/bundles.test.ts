import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { afterAll, describe, expect, test } from 'vitest';
import { bundleFunctions, handlerNames } from '../../infra/bundle.ts';
import { buildOnnxRuntimeLayer } from '../../layers/onnxruntime/build.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { objectOf, type Resource, synthesize, textOf } from '../builders/templates.ts';

const spec = aModel('m');
const app = synthesize([spec]);
afterAll(() => app[Symbol.dispose]());

/** A function by its handler, which its log group is named after. */
const deployed = new Map(
  app.of('AWS::Lambda::Function').map((resource): [string, Resource] => {
    const { LogGroup } = objectOf(resource.properties['LoggingConfig']);
    const group = app.of('AWS::Logs::LogGroup').find(({ name }) => `<${name}>` === LogGroup);
    const [, handler = ''] =
      /^\/slipway\/main\/([^/]+\/[^/]+)/.exec(textOf(group?.properties['LogGroupName'])) ?? [];
    return [handler, resource];
  }),
);

test('every handler file is a function of the template, and every function has its file', () => {
  expect([...deployed.keys()].toSorted()).toEqual(handlerNames().toSorted());
});

/** Loads a bundle as Lambda does and calls its handler once. */
const PROGRAM = `
  const { handler } = require(process.env.LAMBDA_TASK_ROOT + '/index.cjs');
  handler(JSON.parse(process.argv[1]), { getRemainingTimeInMillis: () => 5000 }).then(
    (answer) => require('node:fs').writeSync(3, JSON.stringify(answer ?? null)),
    (error) => { console.error(error); process.exitCode = 1; },
  );
`;
const host = process.arch === 'arm64' ? 'arm64' : 'x86_64';
const layer = join(buildOnnxRuntimeLayer(host, process.platform), 'nodejs/node_modules');

/** Runs the bundle from its asset with the environment of the template, and nothing of AWS behind it. */
async function invoke(handler: string, event: object): Promise<unknown> {
  const properties = deployed.get(handler)?.properties ?? {};
  const variables = objectOf(objectOf(properties['Environment'])['Variables']);
  const ran = promisify(execFile)(
    '/bin/sh',
    // Descriptor 3 is the answer; 1 is the log.
    ['-c', 'exec "$0" -e "$1" "$2" 3>&1 1>&2', process.execPath, PROGRAM, JSON.stringify(event)],
    {
      env: {
        ...Object.fromEntries(
          Object.entries(variables).map(([key, value]) => [key, textOf(value)]),
        ),
        LAMBDA_TASK_ROOT: app.assetFolder(properties['Code']),
        NODE_PATH: 'Layers' in properties ? layer : '',
        AWS_REGION: 'us-east-1',
        AWS_ACCESS_KEY_ID: 'none',
        AWS_SECRET_ACCESS_KEY: 'none',
        AWS_ENDPOINT_URL: 'http://127.0.0.1:1',
      },
    },
  );
  return JSON.parse((await ran).stdout);
}

/** https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html */
const request = (httpMethod: string, path: string, body?: object) => ({
  httpMethod,
  path,
  headers: { 'Content-Type': 'application/json' },
  queryStringParameters: null,
  requestContext: { identity: { apiKeyId: 'key-1' } },
  body: body ? JSON.stringify(body) : null,
  isBase64Encoded: false,
});
const refusal = (statusCode: number, code: string) => ({ statusCode, code });
async function answer(handler: string, event: object) {
  const reply = (await invoke(handler, event)) as { statusCode: number; body: string };
  const body = JSON.parse(reply.body);
  return 'code' in body
    ? { statusCode: reply.statusCode, code: body.code }
    : { statusCode: reply.statusCode, body };
}

describe('the bundle of', () => {
  test.each([
    ['a path that is not', request('POST', '/v2/models/m/guess'), refusal(404, 'PATH_NOT_FOUND')],
    ['a wrong verb', request('GET', '/v1/models/m/predict'), refusal(405, 'METHOD_NOT_ALLOWED')],
    [
      'a malformed request',
      request('POST', '/v1/models/m/predict', { instances: [{ a: 'one' }] }),
      refusal(400, 'BAD_REQUEST'),
    ],
  ])('serve/request answers %s', async (_, event, expected) => {
    expect(await answer('serve/request', event)).toEqual(expected);
  });

  test('serve/requests-logged takes a control message of CloudWatch Logs', async () => {
    const message = { messageType: 'CONTROL_MESSAGE', logEvents: [] };
    const data = gzipSync(JSON.stringify(message)).toString('base64');
    expect(await invoke('serve/requests-logged', { awslogs: { data } })).toBeNull();
  });

  test('serve/catalog says that it lives', async () => {
    expect(await answer('serve/catalog', request('GET', '/v2/health/live'))).toEqual({
      statusCode: 200,
      body: { live: true },
    });
  });

  test('promote/operator-api refuses a model that is not', async () => {
    expect(await answer('promote/operator-api', request('GET', '/v1/versions/other'))).toEqual(
      refusal(404, 'MODEL_NOT_FOUND'),
    );
  });

  test('promote/inspect-graph opens a graph', async () => {
    const graph = Buffer.from(linearGraph(spec)).toString('base64');
    const url = `data:application/octet-stream;base64,${graph}`;
    expect(await invoke('promote/inspect-graph', { url })).toMatchObject({
      kind: 'opened',
      inputs: [{ name: 'x', type: 'float32', shape: [-1, 3] }],
      outputs: [{ name: 'o', type: 'float32', shape: [-1, 1] }],
    });
  });
});

describe('what is bundled', () => {
  const { outputs } = bundleFunctions().metafile;
  const sizesOf = (handler: string): Record<string, number> =>
    Object.fromEntries(
      Object.entries(outputs[`dist/functions/${handler}/index.cjs`]?.inputs ?? {}).map(
        ([input, { bytesInOutput }]) => [input, bytesInOutput],
      ),
    );

  test('of a serving function is at most 150 kB, its AWS clients apart', () => {
    const own = Object.entries(sizesOf('serve/request')).filter(
      ([input]) => !/node_modules\/(@aws-sdk|@smithy|@aws-crypto|@aws)\//.test(input),
    );
    expect(own.length).toBeGreaterThan(10);
    expect(own.reduce((sum, [, bytes]) => sum + bytes, 0)).toBeLessThan(150_000);
  });

  test.each(handlerNames())('of %s has no word lists of zod and nothing of CDK', (handler) => {
    const sizes = sizesOf(handler);
    expect(Object.keys(sizes).length).toBeGreaterThan(0);
    expect(
      Object.entries(sizes).filter(
        ([input, bytes]) =>
          /node_modules\/(aws-cdk-lib|constructs|esbuild)\/|^infra\//.test(input) ||
          (/zod\/v4\/locales\/(?!index)/.test(input) && bytes > 0),
      ),
    ).toEqual([]);
  });

  test('leaves ONNX Runtime to the layer, for the functions that have it', () => {
    const external = Object.entries(outputs).flatMap(([path, { imports }]) =>
      imports.some((each) => each.external && each.path.startsWith('onnxruntime'))
        ? [path.replace(/^dist\/functions\/|\/index\.cjs$/g, '')]
        : [],
    );
    expect(external.toSorted()).toEqual(
      [...deployed]
        .flatMap(([handler, { properties }]) => ('Layers' in properties ? [handler] : []))
        .toSorted(),
    );
  });
});
