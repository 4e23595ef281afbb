import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { openApiDocument } from './openapi.ts';
import type { RouteReader } from './route-cache.ts';

export interface Catalog {
  readonly specs: readonly ModelSpec[];
  readonly routes: RouteReader;
}

const SERVER = { name: 'slipway', version: '2', extensions: ['binary_tensor_data'] };

/** Answers what belongs to no single model: server metadata, health, the list, and unknown models. */
export async function answerCatalog(request: ApiRequest, catalog: Catalog): Promise<ApiReply> {
  const path = request.path.join('/');
  const [, , model] = request.path;
  if (model !== undefined && /^v[12]\/models\//.test(path)) throw unknownModel(model, catalog);
  if (request.method !== 'GET')
    throw new ApiError(
      405,
      'METHOD_NOT_ALLOWED',
      `${request.method} is not for this path; GET is`,
      [],
      { allow: 'GET' },
    );
  switch (path) {
    case 'v2':
      return { status: 200, body: SERVER };
    case 'v2/health/live':
      return { status: 200, body: { live: true } };
    case 'v2/health/ready':
      return ready(catalog);
    case 'v2/models':
      return { status: 200, body: { models: catalog.specs.map(({ name }) => name) } };
    case 'openapi.json':
      return { status: 200, body: openApiDocument(catalog.specs) };
    default:
      throw new ApiError(
        404,
        'PATH_NOT_FOUND',
        `/${path} is not part of this API; see /openapi.json`,
      );
  }
}

const unknownModel = (model: string, { specs }: Catalog): ApiError =>
  new ApiError(404, 'MODEL_NOT_FOUND', `model '${model.slice(0, 100)}' not found`, [
    `there are: ${specs.map(({ name }) => name).join(', ')}`,
  ]);

/** Ready when every model has a champion. Both keys, because KServe's client reads `ready`, others `live`. */
async function ready({ specs, routes }: Catalog): Promise<ApiReply> {
  const found = await Promise.all(specs.map(({ name }) => routes.read(name)));
  const waiting = specs.filter((_, at) => !found[at]).map(({ name }) => name);
  if (waiting.length === 0) return { status: 200, body: { live: true, ready: true } };
  const error = new ApiError(503, 'NOT_READY', `no champion yet: ${waiting.join(', ')}`);
  return {
    status: 503,
    headers: { 'retry-after': String(LIMITS.retryAfterSeconds) },
    body: { live: true, ready: false, ...error.toBody() },
  };
}
