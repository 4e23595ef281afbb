import * as z from 'zod';
import type { SmokeReply, SmokeRequest } from './smoke-client.ts';

/** A tensor as a model's metadata describes it; a negative size is free. */
export interface TensorDescription {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly number[];
}

interface RowTensor extends TensorDescription {
  readonly data: readonly (number | string)[];
}

const fixed = (shape: readonly number[]): number[] => shape.map((size) => (size < 0 ? 1 : size));

/** One row of nothing: zeros and empty texts, which every model takes. */
export const emptyRow = (inputs: readonly TensorDescription[]): RowTensor[] =>
  inputs.map(({ name, datatype, shape }) => {
    const length = fixed(shape).reduce((product, size) => product * size, 1);
    const data = Array.from({ length }, () => (datatype === 'BYTES' ? '' : 0));
    return { name, datatype, shape: fixed(shape), data };
  });

export const jsonRequest = (row: readonly RowTensor[]): object => ({ inputs: row });

const BYTES_OF_ZERO: Readonly<Record<string, number>> = { FP32: 4, FP64: 8, INT64: 8, INT32: 4 };

/** A length of zero in front of an empty text is four zero bytes; every other zero is its size of them. */
const zeroBytes = ({ datatype, data }: RowTensor): Buffer =>
  Buffer.alloc(data.length * (BYTES_OF_ZERO[datatype] ?? 4));

/** The same row as bytes behind the JSON, asking for the answer in bytes. */
export function binaryRequest(row: readonly RowTensor[]): Pick<SmokeRequest, 'headers' | 'body'> {
  const parts = row.map(zeroBytes);
  const head = Buffer.from(
    JSON.stringify({
      parameters: { binary_data_output: true },
      inputs: row.map(({ name, datatype, shape }, at) => ({
        name,
        datatype,
        shape,
        parameters: { binary_data_size: parts[at]?.length ?? 0 },
      })),
    }),
  );
  return {
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    body: Buffer.concat([head, ...parts]),
  };
}

const Answer = z.looseObject({
  model_name: z.string(),
  outputs: z.array(
    z.looseObject({
      name: z.string(),
      datatype: z.enum(['FP32', 'INT64']),
      shape: z.array(z.int()),
      data: z.array(z.number().nullable()).optional(),
      parameters: z.looseObject({ binary_data_size: z.int() }).optional(),
    }),
  ),
});

export interface InferenceAnswer {
  readonly model: string;
  readonly outputs: readonly {
    readonly name: string;
    readonly shape: readonly number[];
    readonly data: readonly (number | null)[];
  }[];
}

/** Reads an answer in JSON, or in JSON with bytes behind it. @throws on what is neither. */
export function readInference({ headers, body }: SmokeReply): InferenceAnswer {
  const stated = headers['inference-header-content-length'];
  const headLength = stated === undefined ? body.length : Number(stated);
  const answer = Answer.parse(JSON.parse(body.toString('utf8', 0, headLength)));
  let at = headLength;
  const outputs = answer.outputs.map(({ name, datatype, shape, data, parameters }) => {
    if (data) return { name, shape, data };
    const bytes = body.subarray(at, (at += parameters?.binary_data_size ?? 0));
    return { name, shape, data: READERS[datatype](bytes) };
  });
  return { model: answer.model_name, outputs };
}

const READERS = {
  FP32: (bytes: Buffer) =>
    Array.from({ length: bytes.length / 4 }, (_, at) => finite(bytes.readFloatLE(at * 4))),
  INT64: (bytes: Buffer) =>
    Array.from({ length: bytes.length / 8 }, (_, at) => Number(bytes.readBigInt64LE(at * 8))),
};

/** JSON has no other way to say that there is no number. */
const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
