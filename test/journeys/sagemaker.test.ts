import { DescribeEndpointCommand, SageMakerClient } from '@aws-sdk/client-sagemaker';
import * as ort from 'onnxruntime-node';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { Container } from '../../infra/local/emulators/sagemaker.ts';
import { linearGraph } from '../builders/linear-graph.ts';
import { aModel, HOSTED_RUNTIME } from '../builders/model-spec.ts';
import { candidate, passTime, startPromotion, statesOf } from '../builders/promoted.ts';
import { type RunningStack, startStack, until } from '../builders/running-stack.ts';

const spec = aModel('hosted', {
  promotion: {
    unit: 'customer',
    steps: [
      {
        kind: 'test-performance',
        batchSizes: [1],
        // No endpoint answers in a microsecond.
        p50Ms: 0.000_1,
        p99Ms: 2000,
        coldStartMs: 60_000,
        memoryMb: 2000,
        requestsPerSecond: 1,
      },
      { kind: 'production' },
    ],
  },
  runtime: HOSTED_RUNTIME,
});
const graph = linearGraph(spec, { bias: 7, missingAsZero: false });
const opened = ort.InferenceSession.create(graph);

/** What the container does next, so that a test can make it fail. */
let behaviour: 'answer' | 'hang' | 'fail' | 'nonsense' = 'answer';
let release = () => {};

/** An inference server as Triton is: Open Inference Protocol on /invocations, with the real graph. */
const container: Container = async (_, { body }) => {
  if (behaviour === 'fail')
    return {
      status: 500,
      contentType: 'application/json',
      body: Buffer.from('{"error":"CUDA out of memory"}'),
    };
  if (behaviour === 'nonsense')
    return { status: 200, contentType: 'text/html', body: Buffer.from('<html>') };
  if (behaviour === 'hang') await new Promise<void>((resolve) => (release = resolve));
  const { inputs } = JSON.parse(body.toString());
  const session = await opened;
  const data = Float32Array.from(inputs[0].data, (value: number | null) => value ?? Number.NaN);
  const { o } = await session.run({ x: new ort.Tensor('float32', data, inputs[0].shape) });
  const output = {
    name: 'o',
    datatype: 'FP32',
    shape: o?.dims,
    data: Array.from(o?.data as Float32Array, (value) => (Number.isNaN(value) ? null : value)),
  };
  return {
    status: 200,
    contentType: 'application/json',
    body: Buffer.from(JSON.stringify({ model_name: 'hosted', outputs: [output] })),
  };
};

let stack: RunningStack;
beforeAll(async () => {
  stack = await startStack([spec], { container });
});
afterAll(() => stack.dispose());

const ask = (a: number | null = 1) =>
  stack.call('POST', '/v1/models/hosted/predict', { instances: [{ a, b: 1, c: 1 }] });

async function makeChampion(version: string): Promise<void> {
  const epoch = (await stack.client.route('hosted'))?.epoch ?? 0;
  while (!(await stack.client.setChampion('hosted', version, epoch, 'for a test')))
    stack.clock.advance(60_000);
}

/** How the endpoints of versions are. */
function endpointsOf(...versions: readonly string[]): Promise<(string | undefined)[]> {
  const { endpoint, operator: credentials, place } = stack;
  const client = new SageMakerClient({ endpoint, region: place.region, credentials });
  return Promise.all(
    versions.map(async (version) => {
      const name = `slipway-main-hosted-${version}`;
      try {
        const found = await client.send(new DescribeEndpointCommand({ EndpointName: name }));
        return found.EndpointStatus;
      } catch (error) {
        if (error instanceof Error && error.message.includes('Could not find')) return 'gone';
        throw error;
      }
    }),
  );
}

describe('a model that SageMaker hosts', () => {
  test('has no endpoint at the first deploy and says that it is not ready', async () => {
    expect(await ask()).toMatchObject({ status: 503, json: { code: 'NOT_READY' } });
  });

  test('gets its endpoint when a version is made the champion, and the route names it', async () => {
    const { version } = await stack.client.register('hosted', graph, 'first');
    expect(await stack.client.setChampion('hosted', version, 0, 'first')).toBeUndefined();
    expect(await stack.client.route('hosted')).toBeUndefined();
    await makeChampion(version);
    expect(await stack.client.route('hosted')).toMatchObject({
      champion: { version, endpoint: 'slipway-main-hosted-1' },
    });
  });

  test('answers in the same shapes as any other', async () => {
    stack.clock.advance(5_001);
    expect(await ask()).toMatchObject({
      status: 200,
      json: { version: '1', arm: 'champion', predictions: [{ points: 7 }] },
    });
    expect((await ask(null)).json).toMatchObject({ predictions: [{ points: null }] });
    expect((await stack.call('GET', '/v2/models/hosted/ready')).json).toEqual({
      name: 'hosted',
      ready: true,
    });
  });

  test('whose container fails answers 500, without its words', async () => {
    behaviour = 'fail';
    const { status, json, text } = await ask();
    expect({ status, code: json['code'] }).toEqual({ status: 500, code: 'INFERENCE_FAILED' });
    expect(text).not.toMatch(/CUDA|slipway-main/);
  });

  test('whose container answers nonsense answers 500', async () => {
    behaviour = 'nonsense';
    expect(await ask()).toMatchObject({ status: 500, json: { code: 'INFERENCE_FAILED' } });
  });

  test('that takes too long answers 504; that is busy answers 429', async () => {
    behaviour = 'hang';
    const slow = ask();
    const busy = ask();
    const answers = await Promise.all([slow, busy]);
    expect(answers.map(({ status }) => status).toSorted((a, b) => a - b)).toEqual([429, 504]);
    release();
    behaviour = 'answer';
  });

  test('keeps the former endpoint until its version is retired', async () => {
    const { version } = await stack.client.register(
      'hosted',
      linearGraph(spec, { bias: 8, missingAsZero: false }),
      'second',
    );
    await makeChampion(version);
    const retire = () => stack.client.request('POST', '/v1/versions/hosted/1/retire');
    await expect(retire()).rejects.toThrow('may still reach version 1');
    stack.clock.advance(30_001);
    await retire();
    // A route that is not read within its time leaves the older one for one more request.
    await until(async () => (await ask()).json['version'] === '2');
    expect((await stack.call('GET', '/v2/models/hosted/versions/1')).status).toBe(404);
  });

  test('waits for the endpoint of a version on trial without a failure, and takes it down when that is rejected', async () => {
    const version = await candidate(stack, spec, { bias: 9, missingAsZero: false });
    const promotion = await startPromotion(stack, spec, version);
    const ended = await passTime(stack, promotion, ({ state }) => state !== 'running');
    expect(ended).toMatchObject({ state: 'rejected' });
    expect(ended.reason).toContain('at most 0.0001 are allowed');
    expect(await statesOf(stack, promotion)).toContain('Test performance: prepare');
    const events = (await stack.states.machines.history(promotion.executionArn ?? '')).map(
      ({ type }) => type,
    );
    expect(events).not.toContain('TaskFailed');
    expect(await endpointsOf('2', version)).toEqual(['InService', 'gone']);
    expect((await ask()).json).toMatchObject({ version: '2' });
  });
});
