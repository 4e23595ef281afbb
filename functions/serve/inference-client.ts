import * as z from 'zod/mini';
import type { Signature } from '../contracts/signature.ts';
import { explainIssues } from '../contracts/strict-object.ts';
import { ModelMisbehaved } from './fault.ts';
import { describeSignature } from './signature-tensors.ts';
import type { Tensor } from './tensor.ts';
import { dataToJson } from './tensor-values.ts';

/** The body of an Open Inference Protocol request to another server. */
export function writeInferenceQuestion(inputs: readonly Tensor[], signature: Signature): string {
  const tensors = inputs.map(
    (tensor) =>
      `{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.datatype}","shape":[${tensor.shape.join(',')}],"data":${dataToJson(tensor)}}`,
  );
  const outputs = signature.outputs.map(({ name }) => `{"name":${JSON.stringify(name)}}`);
  return `{"inputs":[${tensors.join(',')}],"outputs":[${outputs.join(',')}]}`;
}

const AnswerBody = z.object({
  outputs: z.array(
    z.object({
      name: z.string(),
      datatype: z.enum(['FP32', 'INT64']),
      shape: z.array(z.int()),
      data: z.array(z.union([z.number(), z.null()])),
    }),
  ),
});

/** @throws ModelMisbehaved when the answer is not one, or misses an output of the signature. */
export function readInferenceAnswer(body: Buffer, signature: Signature): Tensor[] {
  const parsed = AnswerBody.safeParse(parse(body));
  if (!parsed.success)
    throw new ModelMisbehaved(
      `the endpoint's answer: ${explainIssues(parsed.error.issues).join('; ')}`,
    );
  return describeSignature(signature).outputs.map(({ name, datatype }) => {
    const output = parsed.data.outputs.find(
      (each) => each.name === name && each.datatype === datatype,
    );
    if (!output)
      throw new ModelMisbehaved(`the endpoint's answer has no ${datatype} output "${name}"`);
    // Other servers write null for NaN, and Float32Array.from([null]) would make it 0.
    const numbers = output.data.map((value) => value ?? Number.NaN);
    const data =
      datatype === 'INT64' ? BigInt64Array.from(numbers, BigInt) : Float32Array.from(numbers);
    return { name, datatype, shape: output.shape, data };
  });
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString('utf8'));
  } catch (cause) {
    throw new ModelMisbehaved('the endpoint answered no JSON', { cause });
  }
}
