import { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import { Route } from '../contracts/route.ts';
import { Digest, Version, VersionNumber } from '../contracts/version.ts';
import { DATASET_PATHS, datasetParameters, datasetSchemas } from './openapi-datasets.ts';
import {
  AT_THE_DOOR,
  type Json,
  type JsonObject,
  jsonContent,
  objectOf,
  pageOf,
  pathParameter,
  ref,
  responsesOf,
  schemaOf,
} from './openapi-parts.ts';
import {
  lookSchemas,
  PROMOTION_PATHS,
  promotionParameters,
  promotionSchemas,
} from './openapi-promotions.ts';

export interface OperatorPath {
  readonly method: 'get' | 'post' | 'put';
  readonly path: string;
  readonly operationId: string;
  readonly summary: string;
  readonly query?: readonly (readonly [name: string, schema: JsonObject])[];
  readonly body?: { readonly schema: string; readonly example: Json };
  readonly success: readonly [status: number, description: string];
  /** What 202 means, where an operation takes longer than a request. */
  readonly accepted?: string;
  readonly answer: string;
  readonly refusals: readonly (400 | 409 | 413 | 422 | 503)[];
  /** Where what is sent does not say whether it is the same request again. */
  readonly takesIdempotencyKey?: true;
}

const IDEMPOTENCY_KEY: JsonObject = {
  name: 'Idempotency-Key',
  in: 'header',
  description: 'Chosen by you: the same key is the same request, however often it arrives.',
  schema: { type: 'string' },
};

const digest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';

/** What operators may ask, in the order of a version's life. */
const OPERATOR_PATHS: readonly OperatorPath[] = [
  {
    method: 'post',
    path: '/v1/versions/{model}/uploads',
    operationId: 'openUpload',
    summary: 'Get a place to PUT an artifact to.',
    body: { schema: 'UploadRequest', example: { digest, sizeBytes: 614_400 } },
    success: [201, 'A presigned URL; PUT the file there with the headers given.'],
    answer: 'Upload',
    refusals: [400],
  },
  {
    method: 'post',
    path: '/v1/versions/{model}',
    operationId: 'registerVersion',
    summary: 'Make an uploaded artifact a version: it is opened and checked against the spec.',
    body: {
      schema: 'RegisterRequest',
      example: {
        uploadId: '0b8f6c1e-6f0b-4a53-9d2b-0d4c2f6f6a11',
        digest,
        description: 'More rows from the north zone.',
      },
    },
    success: [201, 'The version; the same one when the digest is known already.'],
    answer: 'Version',
    refusals: [400, 413, 422],
  },
  {
    method: 'get',
    path: '/v1/versions/{model}',
    operationId: 'listVersions',
    summary: 'List versions, a page at a time.',
    success: [200, 'A page.'],
    answer: 'VersionPage',
    refusals: [400],
  },
  {
    method: 'get',
    path: '/v1/versions/{model}/{version}',
    operationId: 'showVersion',
    summary: 'Show one version.',
    success: [200, 'The version.'],
    answer: 'Version',
    refusals: [],
  },
  {
    method: 'post',
    path: '/v1/versions/{model}/{version}/retire',
    operationId: 'retireVersion',
    summary: 'Take a version out of service for good.',
    success: [200, 'The version, retired.'],
    answer: 'Version',
    refusals: [409],
  },
  {
    method: 'get',
    path: '/v1/routes/{model}',
    operationId: 'showRoute',
    summary: 'Show which versions serve, and to whom.',
    success: [200, 'The route.'],
    answer: 'Route',
    refusals: [],
  },
  {
    method: 'put',
    path: '/v1/routes/{model}',
    operationId: 'setChampion',
    summary: 'Make a version the champion, by compare-and-set of the epoch (0: there is none yet).',
    body: {
      schema: 'ChampionRequest',
      example: { champion: '2', expectedEpoch: 7, reason: 'Better on every slice.' },
    },
    success: [200, 'The route as it is now.'],
    accepted: 'Its endpoint is being made: repeat the request after the seconds in `retry-after`.',
    answer: 'Route',
    refusals: [400, 409],
  },
];

const text: JsonObject = { type: 'string', maxLength: LIMITS.textCharacters };

export const operatorSchemas = (): Record<string, JsonObject> => ({
  ...datasetSchemas(),
  ...promotionSchemas(),
  ...lookSchemas(),
  Version: schemaOf(Version),
  Route: schemaOf(Route),
  VersionPage: pageOf('versions', 'Version'),
  UploadRequest: objectOf({
    digest: schemaOf(Digest),
    sizeBytes: { type: 'integer', minimum: 1, maximum: LIMITS.artifactBytes },
  }),
  Upload: {
    type: 'object',
    properties: {
      uploadId: { type: 'string' },
      method: { type: 'string', const: 'PUT' },
      url: { type: 'string', format: 'uri' },
      headers: { type: 'object', additionalProperties: { type: 'string' } },
      expiresInSeconds: { type: 'integer' },
    },
    required: ['uploadId', 'method', 'url', 'expiresInSeconds'],
  },
  RegisterRequest: objectOf(
    {
      uploadId: { type: 'string', pattern: '^[0-9a-f-]{36}$' },
      digest: schemaOf(Digest),
      description: text,
      profile: schemaOf(DatasetProfile),
    },
    ['description', 'profile'],
  ),
  ChampionRequest: objectOf({
    champion: schemaOf(VersionNumber),
    expectedEpoch: { type: 'integer', minimum: 0 },
    reason: { ...text, minLength: 1 },
  }),
});

/** @param model the path parameter, an enumeration of the models there are. */
export function operatorPaths(model: JsonObject): Record<string, JsonObject> {
  const paths: Record<string, JsonObject> = {};
  for (const each of [...OPERATOR_PATHS, ...PROMOTION_PATHS, ...DATASET_PATHS])
    paths[each.path] = { ...paths[each.path], [each.method]: operationOf(each, model) };
  return paths;
}

function operationOf(each: OperatorPath, model: JsonObject): JsonObject {
  const named = {
    version: schemaOf(VersionNumber),
    ...promotionParameters(),
    ...datasetParameters(),
  };
  const parameters = [
    model,
    ...Object.entries(named)
      .filter(([name]) => each.path.includes(`{${name}}`))
      .map(([name, schema]) => pathParameter(name, schema)),
    ...(each.answer.endsWith('Page')
      ? [{ name: 'cursor', in: 'query', schema: { type: 'string' } }]
      : []),
    ...(each.query ?? []).map(([name, schema]) => ({ name, in: 'query', schema })),
    ...(each.takesIdempotencyKey ? [IDEMPOTENCY_KEY] : []),
  ];
  return {
    operationId: each.operationId,
    tags: ['operators'],
    summary: each.summary,
    security: [{ sigv4: [] }],
    parameters,
    ...(each.body && {
      requestBody: {
        required: true,
        content: jsonContent(ref(each.body.schema), each.body.example),
      },
    }),
    responses: {
      ...responsesOf(each.success, jsonContent(ref(each.answer)), [
        ...each.refusals,
        ...AT_THE_DOOR,
      ]),
      ...(each.accepted !== undefined && { 202: { description: each.accepted } }),
    },
  };
}
