import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { LIMITS } from '../../functions/contracts/limits.ts';
import { ModelMisbehaved } from '../../functions/serve/fault.ts';
import {
  type InferenceAnswer,
  writeInferenceReply,
} from '../../functions/serve/inference-reply.ts';
import { compileInferenceReader } from '../../functions/serve/inference-request.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { refusalOf } from './refusal.ts';
import { DATATYPES, ELEMENTS } from './tensor-data.ts';

const score: Tensor = {
  name: 'o',
  datatype: 'FP32',
  shape: [2, 1],
  data: Float32Array.of(1.5, Number.NaN),
};
const answer: InferenceAnswer = {
  modelName: 'm',
  modelVersion: '3',
  id: 'r"1',
  outputs: [
    { name: 'label', datatype: 'INT64', shape: [1], data: BigInt64Array.of(9007199254740993n) },
    score,
  ],
};

describe('a JSON reply', () => {
  test('holds the outputs asked for, in that order, with null for NaN and exact integers', () => {
    expect(
      writeInferenceReply({ ...answer, parameters: { arm: 'champion' } }, [
        { name: 'o', isBinary: false },
        { name: 'label', isBinary: false },
      ]),
    ).toEqual({
      body: '{"model_name":"m","model_version":"3","id":"r\\"1","parameters":{"arm":"champion"},"outputs":[{"name":"o","datatype":"FP32","shape":[2,1],"data":[1.5,null]},{"name":"label","datatype":"INT64","shape":[1],"data":[9007199254740993]}]}',
      headers: { 'content-type': 'application/json' },
      isBinary: false,
    });
  });

  test('larger than Lambda returns is refused with advice', () => {
    const large = { ...score, shape: [600_000], data: new Float32Array(600_000).fill(0.1) };
    const { status, error } = refusalOf(() =>
      writeInferenceReply({ ...answer, outputs: [large] }, [{ name: 'o', isBinary: false }]),
    );
    expect(status).toBe(413);
    expect(error).toMatch(/at most 4400000 can be sent: send fewer rows/);
  });
});

describe('a binary reply', () => {
  test('is JSON, then bytes, with a header that tells where they part', () => {
    const { body, headers, isBinary } = writeInferenceReply(answer, [
      { name: 'label', isBinary: false },
      { name: 'o', isBinary: true },
    ]);
    const json =
      '{"model_name":"m","model_version":"3","id":"r\\"1","outputs":[{"name":"label","datatype":"INT64","shape":[1],"data":[9007199254740993]},{"name":"o","datatype":"FP32","shape":[2,1],"parameters":{"binary_data_size":8}}]}';
    expect(isBinary).toBe(true);
    expect(headers).toEqual({
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(json.length),
    });
    expect(body).toEqual(
      Buffer.concat([Buffer.from(json), Buffer.from(Float32Array.of(1.5, Number.NaN).buffer)]),
    );
  });

  test('larger than Lambda returns is refused', () => {
    const bytes = LIMITS.responseBodyBytes / 4;
    const large = { ...score, shape: [bytes], data: new Float32Array(bytes) };
    expect(
      refusalOf(() =>
        writeInferenceReply({ ...answer, outputs: [large] }, [{ name: 'o', isBinary: true }]),
      ).code,
    ).toBe('REPLY_TOO_LARGE');
  });
});

test('an output that the model left out is the fault of the model', () => {
  expect(() => writeInferenceReply(answer, [{ name: 'p', isBinary: false }])).toThrow(
    new ModelMisbehaved('version 3 gave no output "p"'),
  );
});

/** The tensors of a reply, read by the reader of requests: both sides of the protocol share one form. */
function readBack(tensor: Tensor, isBinary: boolean) {
  const { body, headers } = writeInferenceReply({ ...answer, outputs: [tensor] }, [
    { name: tensor.name, isBinary },
  ]);
  const length = headers['inference-header-content-length'];
  const asInput = Buffer.from(body).toString('latin1').replace('"outputs":[', '"inputs":[');
  const read = compileInferenceReader({
    inputs: [{ ...tensor, shape: [-1] }],
    outputs: [{ name: 'o', datatype: 'FP32', shape: [-1] }],
  });
  return read(Buffer.from(asInput, 'latin1'), {
    'inference-header-content-length': length && String(Number(length) - 1),
  }).inputs[0];
}

describe('reading what was written', () => {
  test.each(DATATYPES)('gives the same %s tensor', (datatype) => {
    fc.assert(
      fc.property(
        ELEMENTS[datatype].filter((data) => data.length > 0),
        fc.boolean(),
        (data, isBinary) => {
          const tensor: Tensor = { name: 'é"', datatype, shape: [data.length], data };
          const isFloat = data instanceof Float32Array || data instanceof Float64Array;
          // JSON has neither infinities nor -0.
          fc.pre(
            isBinary || !isFloat || data.every((x) => Number.isFinite(x) && !Object.is(x, -0)),
          );
          expect(readBack(tensor, isBinary || datatype === 'FP16')).toEqual(tensor);
        },
      ),
      { numRuns: 1000 },
    );
  });
});
