import { LIMITS } from '../contracts/limits.ts';
import { ModelMisbehaved, RequestRefused } from './fault.ts';
import type { RequestedOutput } from './inference-request.ts';
import { dataToBytes, type Tensor } from './tensor.ts';
import { dataToJson } from './tensor-values.ts';

export interface InferenceAnswer {
  readonly modelName: string;
  readonly modelVersion: string;
  readonly id: string;
  /** Scalars beside the outputs, such as `predictionId` and `arm`. */
  readonly parameters?: Readonly<Record<string, string | number | boolean>>;
  /** What the model answered, in any order; outputs that nobody asked for are left out. */
  readonly outputs: readonly Tensor[];
}

interface InferenceReply {
  readonly body: string | Buffer;
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>;
  readonly isBinary: boolean;
}

/** Exactly this: with a charset behind it KServe's client drops the text of errors. */
const JSON_HEADERS = { 'content-type': 'application/json' };

/**
 * Writes outputs in the order asked for: JSON, and raw bytes behind it where asked for.
 * @throws RequestRefused (413) when the reply is larger than Lambda returns; ModelMisbehaved when the
 * model left an output out.
 */
export function writeInferenceReply(
  answer: InferenceAnswer,
  requested: readonly RequestedOutput[],
): InferenceReply {
  const binary: Uint8Array[] = [];
  const outputs = requested.map(({ name, isBinary }) =>
    writeOutput(outputNamed(name, answer), isBinary ? binary : undefined),
  );
  const json = `${writeHead(answer)},"outputs":[${outputs.join(',')}]}`;
  if (binary.length === 0) {
    // Counting UTF-8 costs a pass, which a short reply is spared.
    if (json.length * 3 > LIMITS.responseBodyBytes) checkSize(Buffer.byteLength(json));
    return { body: json, headers: JSON_HEADERS, isBinary: false };
  }
  const head = Buffer.from(json, 'utf8');
  checkSize(binary.reduce((bytes, part) => bytes + part.length, head.length));
  return {
    body: Buffer.concat([head, ...binary]),
    headers: {
      'content-type': 'application/octet-stream',
      'inference-header-content-length': String(head.length),
    },
    isBinary: true,
  };
}

function writeHead({ modelName, modelVersion, id, parameters }: InferenceAnswer): string {
  const head = `{"model_name":${JSON.stringify(modelName)},"model_version":${JSON.stringify(modelVersion)},"id":${JSON.stringify(id)}`;
  return parameters ? `${head},"parameters":${JSON.stringify(parameters)}` : head;
}

function outputNamed(name: string, { outputs, modelVersion }: InferenceAnswer): Tensor {
  const output = outputs.find((tensor) => tensor.name === name);
  if (!output) throw new ModelMisbehaved(`version ${modelVersion} gave no output "${name}"`);
  return output;
}

/** `binary_data_size` stands in binary replies only: tritonclient fails on it in pure JSON. */
function writeOutput(tensor: Tensor, binary: Uint8Array[] | undefined): string {
  const { name, datatype, shape } = tensor;
  const head = `{"name":${JSON.stringify(name)},"datatype":"${datatype}","shape":[${shape.join(',')}]`;
  if (!binary) return `${head},"data":${dataToJson(tensor)}}`;
  const bytes = dataToBytes(tensor.data);
  binary.push(bytes);
  return `${head},"parameters":{"binary_data_size":${bytes.length}}}`;
}

function checkSize(bytes: number): void {
  if (bytes <= LIMITS.responseBodyBytes) return;
  throw new RequestRefused(
    413,
    'REPLY_TOO_LARGE',
    `the reply would have ${bytes} bytes, at most ${LIMITS.responseBodyBytes} can be sent: send fewer rows, ask for fewer outputs, or take them binary`,
  );
}
