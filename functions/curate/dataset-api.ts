import { ApiError } from '../contracts/api-error.ts';
import { DatasetDigest, type DatasetVersion, PointerName } from '../contracts/dataset.ts';
import { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { EvaluationTable } from '../evaluate/evaluation-table.ts';
import type { Announce } from '../runtime/announcement.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import type { Clock } from '../runtime/clock.ts';
import type { FunctionStarter } from '../runtime/function-starter.ts';
import { readBody } from '../runtime/json-body.ts';
import { compareDatasets } from './dataset-difference.ts';
import { ExportFormat, PointerMoveRequest } from './dataset-requests.ts';
import type { DatasetStore } from './dataset-store.ts';
import type { DatasetTable } from './dataset-table.ts';
import { EXPORT_NAMES } from './export-dataset.ts';
import { beginImport, completeUpload, openUpload, showImport } from './import-api.ts';
import { movePointer } from './pointer-move.ts';
import type { PointerTable } from './pointer-table.ts';
import { profilePage } from './profile-page.ts';
import { beginSnapshot, showSnapshot } from './snapshot-api.ts';
import type { UploadStore } from './upload-store.ts';

export interface DatasetApi {
  readonly specs: readonly ModelSpec[];
  readonly uploads: UploadStore;
  readonly store: DatasetStore;
  readonly table: DatasetTable;
  readonly pointers: PointerTable;
  readonly evaluations: Pick<EvaluationTable, 'baselines'>;
  readonly announce: Announce;
  readonly imports: FunctionStarter;
  readonly exports: FunctionStarter;
  readonly snapshots: FunctionStarter;
  readonly clock: Clock;
}

export type Answer = (
  request: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  /** What the `*` of the path were. */
  named: readonly string[],
) => Promise<ApiReply>;

/** What follows `/v1/datasets/{model}`; the first that fits, `*` for any one segment. */
const ANSWERS: readonly (readonly [method: string, path: string, answer: Answer])[] = [
  ['POST', 'uploads', openUpload],
  ['POST', 'uploads/*/complete', completeUpload],
  ['POST', '', beginImport],
  ['GET', 'imports/*', showImport],
  ['POST', 'snapshots', beginSnapshot],
  ['GET', 'snapshots/*', showSnapshot],
  ['GET', '', list],
  ['GET', 'pointers/*', showPointer],
  ['PUT', 'pointers/*', changePointer],
  ['GET', 'pointers/*/moves', listMoves],
  ['GET', 'baselines', listBaselines],
  ['GET', '*', show],
  ['GET', '*/profile', showProfile],
  ['GET', '*/rows', showRows],
  ['GET', '*/diff/*', compare],
];

/** Answers `/v1/datasets/{model}/…`. */
export async function answerDatasets(request: ApiRequest, api: DatasetApi): Promise<ApiReply> {
  const [, , model = '', ...rest] = request.path;
  const spec = api.specs.find(({ name }) => name === model);
  if (!spec)
    throw new ApiError(
      404,
      'MODEL_NOT_FOUND',
      `no model is named "${model}"; there are: ${api.specs.map(({ name }) => name).join(', ')}`,
    );
  for (const [method, path, answer] of ANSWERS) {
    const parts = path === '' ? [] : path.split('/');
    const fits =
      parts.length === rest.length && parts.every((part, at) => part === '*' || part === rest[at]);
    if (method === request.method && fits)
      return answer(
        request,
        spec,
        api,
        rest.filter((_, at) => parts[at] === '*'),
      );
  }
  throw new ApiError(
    404,
    'PATH_NOT_FOUND',
    `${request.method} /${request.path.join('/')} is not part of this API; see /openapi.json`,
  );
}

async function list({ query }: ApiRequest, { name }: ModelSpec, { table }: DatasetApi) {
  const { versions, next } = await table.list(name, readCursor(query));
  return { status: 200, body: { datasets: versions, cursor: next ?? null } };
}

/** @throws ApiError 400 for what no page gave. */
function readCursor(query: ApiRequest['query']): string | undefined {
  const cursor = query['cursor'];
  if (cursor === undefined || /^\d{4}-[\w:.-]{1,40}#[0-9a-f/]{1,64}$/.test(cursor)) return cursor;
  throw new ApiError(400, 'BAD_CURSOR', 'the cursor is not one this API gave');
}

async function show(
  _: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  [digest]: readonly string[],
): Promise<ApiReply> {
  const version = await find(spec, api, digest);
  const same = await api.table.withRows(spec.name, version.rowsDigest);
  const inOtherOrder = same.filter((each) => each !== version.digest);
  return { status: 200, body: { ...version, inOtherOrder } };
}

/** @throws ApiError 404. */
async function find(
  { name }: ModelSpec,
  { table }: DatasetApi,
  digest: string | undefined,
): Promise<DatasetVersion> {
  const parsed = DatasetDigest.safeParse(digest);
  const version = parsed.success ? await table.find(name, parsed.data) : undefined;
  if (version) return version;
  throw new ApiError(404, 'DATASET_NOT_FOUND', `${name} has no dataset ${digest}`);
}

async function showProfile(
  { headers }: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  [digest]: readonly string[],
): Promise<ApiReply> {
  const version = await find(spec, api, digest);
  const profile = await api.store.readProfile(spec.name, version.digest);
  if (!headers['accept']?.includes('text/html')) return { status: 200, body: profile };
  const page = {
    'content-type': 'text/html; charset=utf-8',
    'content-security-policy': "default-src 'none'; style-src 'unsafe-inline'",
  };
  return { status: 200, headers: page, body: profilePage(version, profile) };
}

async function showRows(
  { query }: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  [named]: readonly string[],
): Promise<ApiReply> {
  const { digest } = await find(spec, api, named);
  const format = ExportFormat.safeParse(query['format'] ?? 'parquet');
  if (!format.success)
    throw new ApiError(
      400,
      'BAD_FORMAT',
      `rows come as parquet, ${Object.keys(EXPORT_NAMES).join(', ')}; not as "${query['format']}"`,
    );
  const url =
    format.data === 'parquet'
      ? await api.store.rowsUrl(spec.name, digest)
      : await api.store.findExport(spec.name, digest, EXPORT_NAMES[format.data]);
  if (url !== undefined)
    return { status: 200, body: { url, expiresInSeconds: LIMITS.downloadExpirySeconds } };
  await api.exports.start({ model: spec.name, digest, format: format.data });
  return {
    status: 202,
    headers: { 'retry-after': String(LIMITS.retryAfterSeconds) },
    body: { state: 'preparing', detail: 'the rows are being written; repeat this request' },
  };
}

async function compare(
  _: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  [before, after]: readonly string[],
): Promise<ApiReply> {
  const one = await find(spec, api, before);
  const other = await find(spec, api, after);
  return { status: 200, body: await compareDatasets(spec, one, other, api.store) };
}

/** @throws ApiError 404. */
function pointerNamed(name: string | undefined): PointerName {
  const parsed = PointerName.safeParse(name);
  if (parsed.success) return parsed.data;
  const known = PointerName.options.join(' and ');
  throw new ApiError(404, 'POINTER_NOT_FOUND', `the pointers are ${known}; there is no "${name}"`);
}

async function showPointer(
  { query }: ApiRequest,
  { name: model }: ModelSpec,
  { pointers }: DatasetApi,
  [named]: readonly string[],
): Promise<ApiReply> {
  const name = pointerNamed(named);
  const at = query['at'] === undefined ? undefined : Instant.safeParse(query['at']);
  if (at?.success === false)
    throw new ApiError(
      400,
      'BAD_INSTANT',
      `at: expected an instant such as 2026-11-23T18:30:00.000Z, got "${query['at']}"`,
    );
  const pointer = at
    ? await pointers.readAt(model, name, at.data)
    : await pointers.read(model, name);
  if (pointer) return { status: 200, body: pointer };
  const when = at ? `was not set at ${at.data}` : 'is not set yet: PUT it with expectedEpoch 0';
  throw new ApiError(404, 'POINTER_NOT_SET', `${name}/${model} ${when}`);
}

async function listMoves(
  { query }: ApiRequest,
  { name: model }: ModelSpec,
  { pointers }: DatasetApi,
  [named]: readonly string[],
): Promise<ApiReply> {
  const { moves, next } = await pointers.moves(model, pointerNamed(named), readCursor(query));
  return { status: 200, body: { moves, cursor: next ?? null } };
}

/** What the champion was worth on each validation set, newest first. */
async function listBaselines(
  _: ApiRequest,
  { name }: ModelSpec,
  { evaluations }: DatasetApi,
): Promise<ApiReply> {
  return { status: 200, body: { baselines: await evaluations.baselines(name, LIMITS.pageSize) } };
}

async function changePointer(
  { body, caller }: ApiRequest,
  spec: ModelSpec,
  api: DatasetApi,
  [named]: readonly string[],
): Promise<ApiReply> {
  const request = readBody(PointerMoveRequest, body);
  const move = { ...request, pointer: pointerNamed(named), by: caller };
  return { status: 200, body: await movePointer(spec, move, api) };
}
