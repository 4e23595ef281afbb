import { randomUUID } from 'node:crypto';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { VersionNumber } from '../contracts/version.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { readBody } from '../runtime/json-body.ts';
import { retireVersion, setChampion } from './champion.ts';
import { ChampionRequestBody, RegisterRequest, UploadRequest } from './operator-requests.ts';
import { championStores, PROMOTION_ANSWERS, type PromotionApi } from './promotion-api.ts';
import { type Registrar, registerVersion } from './registration.ts';

export interface OperatorApi extends Registrar, PromotionApi {
  readonly specs: readonly ModelSpec[];
}

type Answer = (request: ApiRequest, spec: ModelSpec, api: OperatorApi) => Promise<ApiReply>;

/** `METHOD /noun` and what follows the model's name, `*` for one segment. */
const ANSWERS: Readonly<Record<string, Answer>> = {
  'POST versions/uploads': openUpload,
  'POST versions': register,
  'GET versions': list,
  'GET versions/*': show,
  'POST versions/*/retire': retire,
  'GET routes': showRoute,
  'PUT routes': changeChampion,
  ...PROMOTION_ANSWERS,
};

/** Answers `/v1/versions/{model}/…`, `/v1/routes/{model}` and `/v1/promotions/{model}/…`. */
export async function answerOperator(request: ApiRequest, api: OperatorApi): Promise<ApiReply> {
  const [, noun = '', model = '', ...rest] = request.path;
  const spec = api.specs.find(({ name }) => name === model);
  if (!spec)
    throw new ApiError(
      404,
      'MODEL_NOT_FOUND',
      `no model is named "${model}"; there are: ${api.specs.map(({ name }) => name).join(', ')}`,
    );
  const key = (tail: readonly string[]) => `${request.method} ${[noun, ...tail].join('/')}`;
  const answer =
    ANSWERS[key(rest)] ?? ANSWERS[key(rest.map((segment, at) => (at === 0 ? '*' : segment)))];
  if (!answer)
    throw new ApiError(
      404,
      'PATH_NOT_FOUND',
      `${request.method} /${request.path.join('/')} is not part of this API; see /openapi.json`,
    );
  return answer(request, spec, api);
}

async function openUpload(
  { body }: ApiRequest,
  spec: ModelSpec,
  { uploads }: OperatorApi,
): Promise<ApiReply> {
  const { digest, sizeBytes } = readBody(UploadRequest, body);
  const uploadId = randomUUID();
  const ticket = await uploads.openUpload(spec.name, uploadId, digest, sizeBytes);
  return {
    status: 201,
    body: { uploadId, method: 'PUT', ...ticket, expiresInSeconds: LIMITS.uploadExpirySeconds },
  };
}

async function register(
  { body, caller }: ApiRequest,
  spec: ModelSpec,
  api: OperatorApi,
): Promise<ApiReply> {
  const request = readBody(RegisterRequest, body);
  return { status: 201, body: await registerVersion(spec, { ...request, by: caller }, api) };
}

async function list(
  { query }: ApiRequest,
  spec: ModelSpec,
  { versions }: OperatorApi,
): Promise<ApiReply> {
  const cursor = query['cursor'];
  if (cursor !== undefined && !/^[1-9][0-9]{0,9}$/.test(cursor))
    throw new ApiError(400, 'BAD_CURSOR', 'the cursor is not one this API gave');
  const { versions: page, next } = await versions.list(spec.name, cursor);
  return { status: 200, body: { versions: page, cursor: next ?? null } };
}

async function show(
  { path }: ApiRequest,
  spec: ModelSpec,
  { versions }: OperatorApi,
): Promise<ApiReply> {
  const number = versionIn(path, spec);
  const version = await versions.find(spec.name, number);
  if (!version)
    throw new ApiError(404, 'VERSION_NOT_FOUND', `${spec.name} has no version ${number}`);
  return { status: 200, body: version };
}

/** @throws ApiError 404 for what is no version number: `01` must not pass for `1`. */
function versionIn(path: readonly string[], { name }: ModelSpec): VersionNumber {
  const parsed = VersionNumber.safeParse(path[3]);
  if (parsed.success) return parsed.data;
  throw new ApiError(404, 'VERSION_NOT_FOUND', `${name} has no version ${path[3]}`);
}

async function retire({ path }: ApiRequest, spec: ModelSpec, api: OperatorApi): Promise<ApiReply> {
  const number = versionIn(path, spec);
  const running = await api.promotions.running(spec.name);
  if (running?.champion.version === number)
    throw new ApiError(
      409,
      'VERSION_IN_USE',
      `${running.id} returns to version ${number} of ${spec.name} if it fails: wait until it has ended`,
    );
  const retired = await retireVersion(spec.name, number, championStores(api, spec.name));
  await api.announce(spec.name);
  return { status: 200, body: retired };
}

async function showRoute(
  _: ApiRequest,
  spec: ModelSpec,
  { routes }: OperatorApi,
): Promise<ApiReply> {
  const route = await routes.read(spec.name);
  if (!route)
    throw new ApiError(
      404,
      'NO_ROUTE',
      `${spec.name} has no champion yet: set one with PUT and expectedEpoch 0`,
    );
  return { status: 200, body: route };
}

async function changeChampion(
  { body, caller }: ApiRequest,
  spec: ModelSpec,
  api: OperatorApi,
): Promise<ApiReply> {
  const { champion, expectedEpoch, reason } = readBody(ChampionRequestBody, body);
  const request = { model: spec.name, version: champion, expectedEpoch, reason, by: caller };
  const change = await setChampion(request, championStores(api, spec.name));
  if (change.kind === 'changed') await api.announce(spec.name);
  if (change.kind !== 'preparing') return { status: 200, body: change.route };
  return {
    status: 202,
    headers: { 'retry-after': String(LIMITS.retryAfterSeconds) },
    body: {
      state: 'preparing',
      detail: `the endpoint of version ${champion} is being made; repeat this request until it answers 200`,
    },
  };
}
