import { createHash } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { encodeModel, type OnnxModel } from '../../functions/runtime/onnx-encoder.ts';
import { OperatorRefused } from '../../infra/cli/operator-client.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel } from '../builders/model-spec.ts';
import { type RunningStack, startStack } from '../builders/running-stack.ts';

const spec = aModel('m');
const other = aModel('other');
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack([spec, other]);
});
afterAll(() => stack.dispose());

const register = (artifact: Uint8Array) => stack.client.register('m', artifact, 'a try');

/** The reasons of a refusal. */
async function refusal(
  attempt: Promise<unknown>,
): Promise<{ status: number; code: string; details: readonly string[] }> {
  try {
    await attempt;
  } catch (error) {
    if (error instanceof OperatorRefused)
      return { status: error.status, code: error.code, details: error.details };
    throw error;
  }
  throw new Error('it was not refused');
}

const node = { op: 'Identity', inputs: ['x'], outputs: ['o'] };
function aGraph(
  graph: Partial<OnnxModel['graph']>,
  overrides: Partial<OnnxModel> = {},
): Uint8Array {
  return encodeModel({
    irVersion: 8,
    opsets: [{ domain: '', version: 17 }],
    producer: { name: 'test', version: '1' },
    graph: {
      name: 'g',
      nodes: [node],
      initializers: {},
      inputs: [{ name: 'x', elementType: 'FP32', shape: ['N', 3] }],
      outputs: [{ name: 'o', elementType: 'FP32', shape: ['N', 3] }],
      ...graph,
    },
    metadata: {},
    ...overrides,
  });
}

describe('registering', () => {
  test('numbers versions from 1 and keeps what the graph says of itself', async () => {
    const version = await register(linearGraph(spec, { bias: 1, note: 'first' }));
    expect(version).toMatchObject({
      model: 'm',
      version: '1',
      stage: 'registered',
      metadata: { note: 'first' },
      opsets: [{ domain: '', version: 17 }],
      registeredBy: 'arn:aws:iam::000000000000:user/operator',
    });
  });

  test('the same artifact twice is one version', async () => {
    const artifact = linearGraph(spec, { bias: 2 });
    expect((await register(artifact)).version).toBe((await register(artifact)).version);
  });

  test('many at once get a number each', async () => {
    const versions = await Promise.all(
      [11, 12, 13, 14].map((bias) => register(linearGraph(spec, { bias }))),
    );
    const numbers = versions.map(({ version }) => Number(version)).toSorted((a, b) => a - b);
    expect(new Set(numbers).size).toBe(4);
    expect(numbers.at(-1)).toBe((numbers[0] ?? 0) + 3);
  });

  test.each([
    ['no ONNX at all', Buffer.from('PK\u0003\u0004 this is a zip of a model'), /not an ONNX model/],
    ['half a file', linearGraph(spec).subarray(0, 60), /not an ONNX model|does not run/],
    [
      'another input name',
      aGraph({
        nodes: [{ ...node, inputs: ['y'] }],
        inputs: [{ name: 'y', elementType: 'FP32', shape: ['N', 3] }],
      }),
      /input "x" is missing.*input "y" is not in the spec/s,
    ],
    [
      'another type',
      aGraph({
        nodes: [{ op: 'Cast', inputs: ['x'], outputs: ['o'], attributes: { to: { int: 1 } } }],
        inputs: [{ name: 'x', elementType: 'INT64', shape: ['N', 3] }],
      }),
      /input "x" is int64 in the graph, float32 in the spec/,
    ],
    [
      'another shape',
      aGraph({
        inputs: [{ name: 'x', elementType: 'FP32', shape: ['N', 4] }],
        outputs: [{ name: 'o', elementType: 'FP32', shape: ['N', 4] }],
      }),
      /input "x" has shape \[-1, 4\] in the graph, \[-1, 3\]/,
    ],
    [
      'an output of another width',
      aGraph({}),
      /output "o" has shape \[-1, 3\] in the graph, \[-1, 1\]/,
    ],
    [
      'a fixed batch size',
      aGraph({
        inputs: [{ name: 'x', elementType: 'FP32', shape: [1, 3] }],
        outputs: [{ name: 'o', elementType: 'FP32', shape: [1, 3] }],
      }),
      /input "x" has shape \[1, 3\]/,
    ],
    [
      'an opset of the future',
      aGraph({}, { opsets: [{ domain: '', version: 99 }] }),
      /opset|operator set|99/i,
    ],
    [
      'an operator set nobody carries',
      aGraph(
        { nodes: [{ ...node, domain: 'com.acme' }] },
        {
          opsets: [
            { domain: '', version: 17 },
            { domain: 'com.acme', version: 1 },
          ],
        },
      ),
      /com\.acme/,
    ],
    [
      'an operator that does not exist',
      aGraph({ nodes: [{ ...node, op: 'Imagine' }] }),
      /does not run.*Imagine/s,
    ],
  ])('refuses %s and says why', async (_, artifact, reason) => {
    const { status, code, details } = await refusal(register(artifact));
    expect({ status, code }).toEqual({ status: 422, code: 'ARTIFACT_REFUSED' });
    expect(details.join('\n')).toMatch(reason);
  });

  test('refuses a graph whose weights lie in other files', async () => {
    // TensorProto.external_data (field 13) with location, and data_location (field 14) = EXTERNAL.
    const external = Buffer.concat([
      Buffer.from([0x08, 3, 0x10, 1, 0x42, 1, 0x77]),
      Buffer.from([0x6a, 23, 0x0a, 8]),
      Buffer.from('location'),
      Buffer.from([0x12, 11]),
      Buffer.from('weights.bin'),
      Buffer.from([0x70, 1]),
    ]);
    const initializer = Buffer.concat([Buffer.from([0x2a, external.length]), external]);
    const output = Buffer.from([0x62, 3, 0x0a, 1, 0x6f]);
    const graph = Buffer.concat([Buffer.from([0x12, 1, 0x67]), initializer, output]);
    const model = Buffer.concat([
      Buffer.from([0x08, 8, 0x3a, graph.length]),
      graph,
      Buffer.from([0x42, 2, 0x10, 17]),
    ]);
    expect((await refusal(register(model))).details.join()).toMatch(/other files \(weights\.bin\)/);
  });

  test('refuses to register what was never uploaded', async () => {
    const request = { uploadId: '00000000-0000-4000-8000-000000000000', digest: 'a'.repeat(64) };
    expect(await refusal(stack.client.request('POST', '/v1/versions/m', request))).toMatchObject({
      status: 404,
      code: 'UPLOAD_NOT_FOUND',
    });
  });

  test('an upload of other bytes than announced is refused by the store itself', async () => {
    const artifact = linearGraph(spec, { bias: 77 });
    const digest = createHash('sha256').update(artifact).digest('hex');
    const ticket = await stack.client.request<{ url: string; headers: Record<string, string> }>(
      'POST',
      '/v1/versions/m/uploads',
      { digest, sizeBytes: artifact.length },
    );
    const tampered = Buffer.from(artifact);
    tampered[10] = (tampered[10] ?? 0) ^ 1;
    const put = await fetch(ticket.url, { method: 'PUT', headers: ticket.headers, body: tampered });
    expect(put.status).toBe(400);
  });

  test.each([
    ['a digest that is none', { digest: 'xyz', sizeBytes: 10 }, /digest/],
    ['a size above the limit', { digest: 'a'.repeat(64), sizeBytes: 10 ** 10 }, /sizeBytes/],
    [
      'a misspelt key',
      { digest: 'a'.repeat(64), sizeBytes: 10, colour: 'red' },
      /unknown key "colour"; allowed: digest, sizeBytes/,
    ],
  ])('refuses %s with the path', async (_, body, reason) => {
    const { status, details } = await refusal(
      stack.client.request('POST', '/v1/versions/m/uploads', body),
    );
    expect(status).toBe(400);
    expect(details.join('\n')).toMatch(reason);
  });

  test('knows no model that is not deployed', async () => {
    expect(await refusal(stack.client.register('mystery', linearGraph(spec), ''))).toMatchObject({
      status: 404,
      code: 'MODEL_NOT_FOUND',
    });
  });
});

describe('listing', () => {
  test('shows every version, newest first, a page at a time', async () => {
    const versions = await stack.client.versions('m');
    expect(versions.map(({ version }) => Number(version))).toEqual(
      versions.map((_, at) => versions.length - at),
    );
    expect(await stack.client.versions('other')).toEqual([]);
  });

  test('refuses a cursor that it did not give', async () => {
    expect(
      await refusal(stack.client.request('GET', '/v1/versions/m', undefined, { cursor: '../1' })),
    ).toMatchObject({ status: 400, code: 'BAD_CURSOR' });
  });

  test('shows one version, and 404 for one that is not there', async () => {
    expect(await stack.client.request('GET', '/v1/versions/m/1')).toMatchObject({ version: '1' });
    expect(await refusal(stack.client.request('GET', '/v1/versions/m/999'))).toMatchObject({
      status: 404,
      code: 'VERSION_NOT_FOUND',
    });
  });
});

describe('the champion', () => {
  test('is set by compare-and-set: of several at once one wins, the others learn the epoch', async () => {
    const outcomes = await Promise.allSettled(
      ['1', '2', '3', '4'].map((version) => stack.client.setChampion('m', version, 0, 'race')),
    );
    expect(outcomes.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
    const losers = outcomes.flatMap((outcome) =>
      outcome.status === 'rejected' ? [outcome.reason] : [],
    );
    expect(losers).toHaveLength(3);
    for (const reason of losers)
      expect(reason).toMatchObject({
        status: 409,
        code: 'ROUTE_CHANGED',
        details: ['expectedEpoch: 1'],
      });
  });

  test('set twice the same way is set once', async () => {
    const before = await stack.client.route('m');
    if (!before) throw new Error('no route');
    expect(await stack.client.setChampion('m', before.champion.version, 0, 'again')).toEqual(
      before,
    );
  });

  test('remembers who it followed', async () => {
    const before = await stack.client.route('m');
    const next = before?.champion.version === '1' ? '2' : '1';
    const after = await stack.client.setChampion('m', next, before?.epoch ?? 0, 'a better one');
    expect(after).toMatchObject({
      epoch: (before?.epoch ?? 0) + 1,
      champion: { version: next },
      formerChampion: before?.champion,
      reason: 'a better one',
    });
  });

  test('cannot be a version that does not exist, and needs a reason', async () => {
    expect(await refusal(stack.client.setChampion('m', '999', 2, 'x'))).toMatchObject({
      status: 404,
    });
    expect(await refusal(stack.client.setChampion('m', '1', 2, ''))).toMatchObject({ status: 400 });
  });

  test('is not retired under another spelling of its number', async () => {
    const route = await stack.client.route('m');
    const path = `/v1/versions/m/0${route?.champion.version}/retire`;
    expect(await refusal(stack.client.request('POST', path))).toMatchObject({ status: 404 });
    expect(await stack.client.route('m')).toEqual(route);
  });

  test('and retired at once: one of the two happens, never both', async () => {
    const { version } = await register(linearGraph(spec, { bias: 41 }));
    const route = await stack.client.route('m');
    const [crowned, retired] = await Promise.allSettled([
      stack.client.setChampion('m', version, route?.epoch ?? 0, 'race'),
      stack.client.request('POST', `/v1/versions/m/${version}/retire`),
    ]);
    expect([crowned.status, retired.status].toSorted()).toEqual(['fulfilled', 'rejected']);
    const serves = (await stack.client.route('m'))?.champion.version === version;
    expect(serves).toBe(crowned.status === 'fulfilled');
  });

  test('cannot be retired while it serves; another version can, and then serves no more', async () => {
    const route = await stack.client.route('m');
    expect(
      await refusal(
        stack.client.request('POST', `/v1/versions/m/${route?.champion.version}/retire`),
      ),
    ).toMatchObject({ status: 409, code: 'VERSION_IN_USE' });
    expect(await stack.client.request('POST', '/v1/versions/m/5/retire')).toMatchObject({
      stage: 'retired',
    });
    expect(
      await refusal(stack.client.setChampion('m', '5', route?.epoch ?? 0, 'back')),
    ).toMatchObject({ status: 409, code: 'VERSION_NOT_SERVABLE' });
    expect((await stack.call('GET', '/v2/models/m/versions/5')).status).toBe(404);
  });
});
