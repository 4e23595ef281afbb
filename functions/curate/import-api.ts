import { createHash, randomUUID } from 'node:crypto';
import { ApiError } from '../contracts/api-error.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { ApiReply, ApiRequest } from '../runtime/api-handler.ts';
import { readBody } from '../runtime/json-body.ts';
import type { Answer, DatasetApi } from './dataset-api.ts';
import { ImportRequest, UploadRequest } from './dataset-requests.ts';
import type { OpenUpload } from './dataset-table.ts';

export const openUpload: Answer = async ({ body }, { name: model }, api) => {
  const { sizeBytes } = readBody(UploadRequest, body);
  if (sizeBytes > LIMITS.datasetFileBytes)
    throw new ApiError(
      413,
      'FILE_TOO_LARGE',
      `the file has ${sizeBytes} bytes; an import takes ${LIMITS.datasetFileBytes}`,
      [
        'compressed Parquet often takes a fifth of the same rows as CSV',
        'a sample with a column "weight" stands for more rows than it has',
        'train on more with a SageMaker trainer, which reads its own S3 prefix',
      ],
    );
  const uploadId = randomUUID();
  const s3UploadId = await api.uploads.begin(model, uploadId);
  await api.table.addUpload(model, { uploadId, s3UploadId, sizeBytes }, api.clock.now());
  return {
    status: 201,
    body: {
      uploadId,
      method: 'PUT',
      partBytes: LIMITS.datasetPartBytes,
      parts: await api.uploads.signParts(model, uploadId, s3UploadId, sizeBytes),
      expiresInSeconds: LIMITS.uploadExpirySeconds,
    },
  };
};

export const completeUpload: Answer = async (_, { name: model }, api, [uploadId = '']) => {
  const { s3UploadId, sizeBytes } = await findUpload(model, uploadId, api);
  const completion = await api.uploads.complete(model, uploadId, s3UploadId, sizeBytes);
  switch (completion.kind) {
    case 'complete':
      return { status: 200, body: { uploadId, sizeBytes: completion.sizeBytes } };
    case 'incomplete':
      throw new ApiError(
        409,
        'UPLOAD_INCOMPLETE',
        'not every part of the file is there: PUT what is missing and complete it again',
        completion.missing.slice(0, LIMITS.faultsListed),
      );
    case 'unknown':
      throw uploadNotFound(uploadId);
  }
};

async function findUpload(
  model: string,
  uploadId: string,
  { table }: DatasetApi,
): Promise<OpenUpload> {
  const upload = await table.findUpload(model, uploadId);
  if (upload) return upload;
  throw uploadNotFound(uploadId);
}

const uploadNotFound = (uploadId: string): ApiError =>
  new ApiError(
    404,
    'UPLOAD_NOT_FOUND',
    `there is no upload "${uploadId}": open one first; one that is not completed within a day is gone`,
  );

/** The same upload with the same names gives the same import, however often it is asked for. */
export const beginImport: Answer = async ({ body, caller }, spec, api) => {
  const request = readBody(ImportRequest, body);
  const { uploadId, columns, description } = request;
  await refuseUnfinished(spec, uploadId, api);
  const names = Object.entries(columns).toSorted(([one], [other]) => (one < other ? -1 : 1));
  const identity = JSON.stringify([spec.name, uploadId, names]);
  const record = await api.table.addImport({
    model: spec.name,
    importId: createHash('sha256').update(identity).digest('hex').slice(0, 32),
    uploadId,
    columns,
    description,
    requestedAt: api.clock.now(),
    requestedBy: caller,
    state: { kind: 'running' },
  });
  // Started again where it runs already: an import whose function was lost for good goes on this way.
  if (record.state.kind === 'running')
    await api.imports.start({ model: spec.name, importId: record.importId });
  return {
    status: record.state.kind === 'running' ? 202 : 200,
    headers: { location: `/v1/datasets/${spec.name}/imports/${record.importId}` },
    body: record,
  };
};

/** @throws ApiError 404 for an unknown upload, 409 for one that stopped half-way. */
async function refuseUnfinished({ name }: ModelSpec, uploadId: string, api: DatasetApi) {
  await findUpload(name, uploadId, api);
  if ((await api.uploads.findSize(name, uploadId)) === undefined)
    throw new ApiError(
      409,
      'UPLOAD_INCOMPLETE',
      `the upload is not complete: POST /v1/datasets/${name}/uploads/${uploadId}/complete first`,
    );
}

export async function showImport(
  _: ApiRequest,
  { name }: ModelSpec,
  { table }: DatasetApi,
  [importId = '']: readonly string[],
): Promise<ApiReply> {
  const record = await table.findImport(name, importId);
  if (record) return { status: 200, body: record };
  throw new ApiError(404, 'IMPORT_NOT_FOUND', `${name} has no import "${importId}"`);
}
