import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import {
  AT_THE_DOOR,
  type JsonObject,
  jsonContent,
  OF_A_BODY,
  pathParameter,
  ref,
  responsesOf,
} from './openapi-parts.ts';
import { describeSignature } from './signature-tensors.ts';

const text: JsonObject = { type: 'string' };
const flag: JsonObject = { type: 'boolean' };
const shape: JsonObject = {
  type: 'array',
  items: { type: 'integer' },
  maxItems: LIMITS.tensorRank,
};
const parameters: JsonObject = {
  type: 'object',
  additionalProperties: { type: ['string', 'number', 'boolean'] },
};
const datatype: JsonObject = {
  type: 'string',
  enum: [
    ...['BOOL', 'UINT8', 'UINT16', 'UINT32', 'UINT64', 'INT8', 'INT16', 'INT32', 'INT64'],
    ...['FP16', 'FP32', 'FP64', 'BYTES'],
  ],
};

/** An open object: the protocol lets both sides add fields. */
const openObject = (
  properties: Readonly<Record<string, JsonObject>>,
  required: readonly string[],
): JsonObject => ({ type: 'object', properties, required });

const tensor = openObject(
  {
    name: text,
    datatype,
    shape,
    parameters,
    data: { type: 'array', description: 'Row-major, nested or flat; null is a missing number.' },
  },
  ['name', 'datatype', 'shape'],
);

const described = openObject({ name: text, datatype, shape }, ['name', 'datatype', 'shape']);
const list = (items: JsonObject): JsonObject => ({ type: 'array', items });

/** Open Inference Protocol v2, as far as this server speaks it. */
export const inferenceSchemas = (): Record<string, JsonObject> => ({
  ServerMetadata: openObject({ name: text, version: text, extensions: list(text) }, [
    'name',
    'version',
    'extensions',
  ]),
  Live: openObject({ live: flag }, ['live']),
  Ready: openObject({ live: flag, ready: flag }, ['live', 'ready']),
  ModelList: openObject({ models: list(text) }, ['models']),
  ModelReady: openObject({ name: text, ready: flag }, ['name', 'ready']),
  ModelMetadata: openObject(
    {
      name: text,
      versions: list(text),
      platform: text,
      inputs: list(described),
      outputs: list(described),
    },
    ['name', 'platform', 'inputs', 'outputs'],
  ),
  Tensor: tensor,
  InferenceRequest: openObject(
    {
      id: { type: 'string', maxLength: LIMITS.requestIdCharacters },
      parameters: {
        ...parameters,
        properties: {
          unit: { type: 'string', minLength: 1, maxLength: LIMITS.unitCharacters },
          binary_data_output: flag,
        },
      },
      inputs: { ...list(ref('Tensor')), minItems: 1 },
      outputs: list(openObject({ name: text, parameters }, ['name'])),
    },
    ['inputs'],
  ),
  InferenceAnswer: openObject(
    { model_name: text, model_version: text, id: text, parameters, outputs: list(ref('Tensor')) },
    ['model_name', 'outputs'],
  ),
});

const LENGTH_HEADER: JsonObject = {
  name: 'Inference-Header-Content-Length',
  in: 'header',
  schema: { type: 'integer', minimum: 1 },
  description: 'Bytes of JSON before the binary tensors, uncompressed; only with binary tensors.',
};

const get = (
  operationId: string,
  summary: string,
  schema: string,
  given: readonly JsonObject[],
  refusals: readonly (404 | 503)[] = [],
): JsonObject => ({
  get: {
    operationId,
    tags: ['Open Inference Protocol'],
    summary,
    security: [{ apiKey: [] }],
    ...(given.length > 0 && { parameters: given }),
    responses: responsesOf([200, summary], jsonContent(ref(schema)), [403, 429, ...refusals]),
  },
});

/** A request with one row of the first model's inputs. */
function exampleOf(specs: readonly ModelSpec[]): JsonObject | undefined {
  const [spec] = specs;
  if (!spec) return undefined;
  return {
    parameters: { unit: 'customer-7' },
    inputs: describeSignature(spec.signature).inputs.map((input) => ({
      name: input.name,
      datatype: input.datatype,
      shape: [1, input.shape[1] ?? 1],
      data: Array.from({ length: input.shape[1] ?? 1 }, () =>
        input.datatype === 'BYTES' ? '' : 0,
      ),
    })),
  };
}

function infer(
  operationId: string,
  given: readonly JsonObject[],
  specs: readonly ModelSpec[],
): JsonObject {
  const binary = { 'application/octet-stream': {} };
  return {
    post: {
      operationId,
      tags: ['Open Inference Protocol'],
      summary: 'Tensors in, tensors out: JSON, or JSON followed by binary tensors.',
      security: [{ apiKey: [] }],
      parameters: [...given, LENGTH_HEADER],
      requestBody: {
        required: true,
        content: { ...jsonContent(ref('InferenceRequest'), exampleOf(specs)), ...binary },
      },
      responses: responsesOf(
        [200, 'The outputs asked for; binary where asked for.'],
        { ...jsonContent(ref('InferenceAnswer')), ...binary },
        [...OF_A_BODY, ...AT_THE_DOOR, 405, 500, 503],
      ),
    },
  };
}

/** @param model the path parameter, an enumeration of the models there are. */
export function inferencePaths(
  model: JsonObject,
  specs: readonly ModelSpec[],
): Record<string, JsonObject> {
  const version = pathParameter('version', { type: 'string', pattern: '^[1-9][0-9]{0,9}$' });
  const one = '/v2/models/{model}';
  const pinned = `${one}/versions/{version}`;
  return {
    '/v2': get('serverMetadata', 'Name, version and extensions.', 'ServerMetadata', []),
    '/v2/health/live': get('live', 'Whether the server runs.', 'Live', []),
    '/v2/health/ready': get('ready', 'Whether every model has a champion.', 'Ready', [], [503]),
    '/v2/models': get('listModels', 'Names of the models.', 'ModelList', []),
    [one]: get('modelMetadata', 'Inputs and outputs.', 'ModelMetadata', [model], [404]),
    [`${one}/ready`]: get('modelReady', 'Whether it answers.', 'ModelReady', [model], [404, 503]),
    [`${one}/infer`]: infer('infer', [model], specs),
    [pinned]: get(
      'versionMetadata',
      'Inputs and outputs of a version.',
      'ModelMetadata',
      [model, version],
      [404],
    ),
    [`${pinned}/ready`]: get(
      'versionReady',
      'Whether a version answers.',
      'ModelReady',
      [model, version],
      [404, 503],
    ),
    [`${pinned}/infer`]: infer('inferWithVersion', [model, version], specs),
  };
}
