import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { type RawReply, rawRequest } from '../builders/raw-request.ts';
import { type RunningStack, serveLinear, startStack } from '../builders/running-stack.ts';
import captured from '../cases/oip-captures.json' with { type: 'json' };

/** What stock tritonclient and kserve sent, byte for byte; `x-api-key` is added, as both clients can. */
interface Capture {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodyBase64?: string;
}

const captures = captured as unknown as readonly Capture[];
const models = ['m', 'nan', 'binout'].map((name) => aModel(name));
let stack: RunningStack;

beforeAll(async () => {
  stack = await startStack(models);
  for (const model of models)
    await serveLinear(stack, model, { weight: 0.5, bias: 1, missingAsZero: false });
});
afterAll(() => stack.dispose());

function replay({ method, path, headers, bodyBase64 }: Capture): Promise<RawReply> {
  const body = bodyBase64 === undefined ? undefined : Buffer.from(bodyBase64, 'base64');
  return rawRequest(
    `${stack.url}${path}`,
    method,
    { ...headers, 'x-api-key': stack.apiKeys[0] ?? '' },
    body,
  );
}

const named = (pattern: RegExp): Capture[] => captures.filter(({ name }) => pattern.test(name));

interface TritonOutput {
  readonly data?: readonly number[];
  readonly parameters?: { readonly binary_data_size: number };
}

/** The way tritonclient reads an answer: JSON up to the header's length, then the outputs' bytes. */
function readAsTriton({ status, headers, body }: RawReply) {
  expect(status).toBe(200);
  const length = headers['inference-header-content-length'];
  const json = JSON.parse(
    body.toString('utf8', 0, length === undefined ? body.length : Number(length)),
  );
  let at = length === undefined ? body.length : Number(length);
  const outputs = json.outputs.map(({ data, parameters }: TritonOutput) => {
    if (data) return data;
    const bytes = Uint8Array.from(body.subarray(at, at + (parameters?.binary_data_size ?? 0)));
    at += bytes.length;
    return [...new Float32Array(bytes.buffer)];
  });
  // tritonclient fails on a binary size in a pure JSON answer.
  const strays = json.outputs.filter(({ data, parameters }: TritonOutput) => data && parameters);
  expect(strays).toEqual([]);
  expect(at).toBe(body.length);
  return { json, outputs };
}

describe('stock inference clients', () => {
  test.each(named(/live|ready/))('$name is told that it is', async (capture) => {
    const { status, body } = await replay(capture);
    expect(status).toBe(200);
    // KServe's client reads `.live` and `.ready`.
    expect(JSON.parse(body.toString())).toMatchObject(
      /live/.test(capture.name) ? { live: true } : { ready: true },
    );
  });

  test.each(named(/server md/))('$name reads the extensions', async (capture) => {
    expect(JSON.parse((await replay(capture)).body.toString())).toEqual({
      name: 'slipway',
      version: '2',
      extensions: ['binary_tensor_data'],
    });
  });

  test.each(named(/model md/))('$name reads inputs and outputs', async (capture) => {
    expect(JSON.parse((await replay(capture)).body.toString())).toEqual({
      name: 'm',
      versions: ['1'],
      platform: 'onnxruntime_onnx',
      inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      outputs: [{ name: 'o', datatype: 'FP32', shape: [-1, 1] }],
    });
  });

  test.each(named(/infer (default|binary|json)|gzip/))(
    '$name reads the right numbers',
    async (capture) => {
      const { json, outputs } = readAsTriton(await replay(capture));
      expect(json.model_name).toMatch(/^(m|binout)$/);
      expect(outputs).toEqual([[4, 8.5]]);
    },
  );

  test.each(named(/json in,? binary out|infer default/))(
    '$name gets raw bytes where it asked for them',
    async (capture) => {
      const wants = Buffer.from(capture.bodyBase64 ?? '', 'base64').includes(
        '"binary_data_output":true',
      );
      expect((await replay(capture)).headers['content-type']).toBe(
        wants ? 'application/octet-stream' : 'application/json',
      );
    },
  );

  test.each(named(/NaN/))('$name gets null for NaN, which both read as NaN', async (capture) => {
    const { outputs } = readAsTriton(await replay(capture));
    expect(outputs).toEqual([[null, 8.5]]);
  });

  test('the id of a request comes back as it was', async () => {
    const [capture] = named(/infer json\/json/);
    if (!capture) throw new Error('no capture');
    expect(readAsTriton(await replay(capture)).json.id).toBe('42');
  });

  test.each(named(/err|quoted|BYTES|dict/))(
    '$name reads why it failed in "error"',
    async (capture) => {
      const { status, headers, body } = await replay(capture);
      expect(status).toBe(/BYTES|dict/.test(capture.name) ? 400 : 404);
      // With a charset behind it kserve drops the text.
      expect(headers['content-type']).toBe('application/json');
      expect(JSON.parse(body.toString()).error).toMatch(/\w/);
    },
  );
});
