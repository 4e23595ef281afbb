import { DatasetDigest, DatasetVersion, Pointer, PointerName } from '../contracts/dataset.ts';
import { Baseline } from '../contracts/dataset-evaluation.ts';
import { DatasetProfile } from '../contracts/dataset-profile.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { OperatorPath } from './openapi-operators.ts';
import { type JsonObject, objectOf, pageOf, ref, schemaOf } from './openapi-parts.ts';

const digest = '9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08';
const uploadId = '0b8f6c1e-6f0b-4a53-9d2b-0d4c2f6f6a11';

/** What operators may ask of datasets, in the order of a file's life. */
export const DATASET_PATHS: readonly OperatorPath[] = [
  {
    method: 'post',
    path: '/v1/datasets/{model}/uploads',
    operationId: 'openFileUpload',
    summary: 'Get places to PUT the parts of a file of rows to: CSV, Parquet or newline JSON.',
    body: { schema: 'FileUploadRequest', example: { sizeBytes: 48_000_000 } },
    success: [201, 'A presigned URL a part; PUT each part there with the headers given.'],
    answer: 'FileUpload',
    refusals: [400, 413],
  },
  {
    method: 'post',
    path: '/v1/datasets/{model}/uploads/{uploadId}/complete',
    operationId: 'completeFileUpload',
    summary: 'Make the parts one file; repeat it after PUTting what it says is missing.',
    success: [200, 'The file is whole.'],
    answer: 'CompletedUpload',
    refusals: [409],
  },
  {
    method: 'post',
    path: '/v1/datasets/{model}',
    operationId: 'importDataset',
    summary: 'Make an uploaded file a dataset version: every row is checked against the spec.',
    body: {
      schema: 'ImportRequest',
      example: { uploadId, description: 'October.', columns: { 'Distance (km)': 'distanceKm' } },
    },
    success: [200, 'The import, which has ended already.'],
    accepted: 'The import runs: ask for it by its id.',
    answer: 'Import',
    refusals: [400, 409],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/imports/{importId}',
    operationId: 'showImport',
    summary: 'Show what became of an import; of a refused one, the broken rows.',
    success: [200, 'The import.'],
    answer: 'Import',
    refusals: [],
  },
  {
    method: 'post',
    path: '/v1/datasets/{model}/snapshots',
    operationId: 'takeSnapshot',
    summary: 'Make a dataset version of recorded predictions whose outcomes have matured.',
    body: {
      schema: 'SnapshotRequest',
      example: {
        purpose: 'validation',
        from: '2026-10-01T00:00:00.000Z',
        to: '2026-11-01T00:00:00.000Z',
        units: 50_000,
      },
    },
    success: [202, 'The snapshot is being taken: ask for it by its id.'],
    answer: 'Snapshot',
    refusals: [400, 409],
    takesIdempotencyKey: true,
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/snapshots/{snapshotId}',
    operationId: 'showSnapshot',
    summary: 'Show what became of a snapshot, and how many rows could not be used.',
    success: [200, 'The snapshot.'],
    answer: 'Snapshot',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}',
    operationId: 'listDatasets',
    summary: 'List dataset versions, newest first, a page at a time.',
    success: [200, 'A page.'],
    answer: 'DatasetPage',
    refusals: [400],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/{digest}',
    operationId: 'showDataset',
    summary: 'Show one dataset version.',
    success: [200, 'The version.'],
    answer: 'DatasetVersion',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/{digest}/profile',
    operationId: 'showProfile',
    summary: 'Show what the rows look like; a page for browsers where Accept says text/html.',
    success: [200, 'The profile.'],
    answer: 'DatasetProfile',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/{digest}/rows',
    operationId: 'downloadRows',
    summary:
      'Get a URL that downloads the rows, ?format=parquet, csv, json-lines or csv-for-spreadsheets.',
    success: [200, 'A presigned URL.'],
    accepted: 'The rows are being written: repeat the request after the seconds in `retry-after`.',
    answer: 'Download',
    refusals: [400],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/{digest}/diff/{otherDigest}',
    operationId: 'compareDatasets',
    summary: 'Show which rows a second version adds, removes and changes, and both profiles.',
    success: [200, 'The difference.'],
    answer: 'DatasetDifference',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/pointers/{pointer}',
    operationId: 'showPointer',
    summary: 'Show which version everyone uses; with ?at= the one of that instant.',
    success: [200, 'The pointer.'],
    answer: 'Pointer',
    refusals: [400],
  },
  {
    method: 'put',
    path: '/v1/datasets/{model}/pointers/{pointer}',
    operationId: 'movePointer',
    summary: 'Make a version the one everyone uses, by compare-and-set of the epoch.',
    body: {
      schema: 'PointerMoveRequest',
      example: { digest, expectedEpoch: 4, reason: 'November has matured.' },
    },
    success: [200, 'The pointer as it is now.'],
    answer: 'Pointer',
    refusals: [400, 409],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/baselines',
    operationId: 'listBaselines',
    summary: 'Show what the champion was worth on each validation set; never across sets.',
    success: [200, 'The newest baselines.'],
    answer: 'BaselineList',
    refusals: [],
  },
  {
    method: 'get',
    path: '/v1/datasets/{model}/pointers/{pointer}/moves',
    operationId: 'listMoves',
    summary: 'List the moves of a pointer, newest first, a page at a time.',
    success: [200, 'A page.'],
    answer: 'PointerMovePage',
    refusals: [400],
  },
];

const text: JsonObject = { type: 'string', maxLength: LIMITS.textCharacters };
const reason: JsonObject = { ...text, minLength: 1 };
const nullableText: JsonObject = { type: ['string', 'null'] };
const counts: JsonObject = { type: 'integer', minimum: 0 };

/** Parameters of the paths above. */
export const datasetParameters = (): Record<string, JsonObject> => ({
  digest: schemaOf(DatasetDigest),
  otherDigest: schemaOf(DatasetDigest),
  uploadId: { type: 'string', pattern: '^[0-9a-f-]{36}$' },
  importId: { type: 'string' },
  snapshotId: { type: 'string' },
  pointer: schemaOf(PointerName),
});

const uploadSchemas = (): Record<string, JsonObject> => ({
  FileUploadRequest: objectOf({
    sizeBytes: { type: 'integer', minimum: 1, maximum: LIMITS.datasetFileBytes },
  }),
  FileUpload: objectOf({
    uploadId: { type: 'string' },
    method: { type: 'string', const: 'PUT' },
    partBytes: { type: 'integer' },
    parts: {
      type: 'array',
      items: objectOf({
        partNumber: { type: 'integer' },
        url: { type: 'string', format: 'uri' },
        headers: { type: 'object', additionalProperties: { type: 'string' } },
      }),
    },
    expiresInSeconds: { type: 'integer' },
  }),
  CompletedUpload: objectOf({ uploadId: { type: 'string' }, sizeBytes: { type: 'integer' } }),
  ImportRequest: objectOf(
    {
      uploadId: { type: 'string', pattern: '^[0-9a-f-]{36}$' },
      description: text,
      columns: {
        type: 'object',
        additionalProperties: nullableText,
        description: "The file's name of a column → the spec's, or null to leave it out.",
      },
    },
    ['description', 'columns'],
  ),
});

const snapshotSchemas = (): Record<string, JsonObject> => ({
  SnapshotRequest: objectOf(
    {
      purpose: schemaOf(PointerName),
      from: { type: 'string', format: 'date-time' },
      to: { type: 'string', format: 'date-time', description: 'Not included.' },
      units: { type: 'integer', minimum: 1, maximum: LIMITS.snapshotUnits },
      seed: { type: 'integer', minimum: 0 },
      description: text,
    },
    ['seed', 'description'],
  ),
  Snapshot: {
    type: 'object',
    properties: {
      snapshotId: { type: 'string' },
      state: {
        type: 'object',
        properties: { kind: { type: 'string', enum: ['running', 'taken', 'refused'] } },
        required: ['kind'],
      },
    },
    required: ['snapshotId', 'state'],
  },
});

export const datasetSchemas = (): Record<string, JsonObject> => ({
  DatasetVersion: schemaOf(DatasetVersion),
  DatasetProfile: schemaOf(DatasetProfile),
  Pointer: schemaOf(Pointer),
  DatasetPage: pageOf('datasets', 'DatasetVersion'),
  Baseline: schemaOf(Baseline),
  BaselineList: objectOf({ baselines: { type: 'array', items: ref('Baseline') } }),
  PointerMovePage: pageOf('moves', 'Pointer'),
  ...uploadSchemas(),
  Import: {
    type: 'object',
    properties: {
      importId: { type: 'string' },
      state: {
        type: 'object',
        properties: { kind: { type: 'string', enum: ['running', 'imported', 'refused'] } },
        required: ['kind'],
      },
    },
    required: ['importId', 'state'],
  },
  ...snapshotSchemas(),
  Download: objectOf({
    url: { type: 'string', format: 'uri' },
    expiresInSeconds: { type: 'integer' },
  }),
  DatasetDifference: {
    type: 'object',
    properties: {
      rows: objectOf({ unchanged: counts, added: counts, removed: counts, changed: counts }),
    },
    required: ['rows'],
  },
  PointerMoveRequest: objectOf(
    {
      digest: schemaOf(DatasetDigest),
      expectedEpoch: { type: 'integer', minimum: 0 },
      reason,
      override: objectOf({ reason }),
    },
    ['override'],
  ),
});
