import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { EvaluationTable } from '../evaluate/evaluation-table.ts';
import { announcingBy } from '../runtime/announcement.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { FunctionStarter } from '../runtime/function-starter.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import type { DatasetApi } from './dataset-api.ts';
import { DatasetStore } from './dataset-store.ts';
import { DatasetTable } from './dataset-table.ts';
import { DatasetApiEnv } from './env.ts';
import { PointerTable } from './pointer-table.ts';
import { UploadStore } from './upload-store.ts';

/** The operators' API of datasets, wired to this function's environment and deployed specs. */
export function createDatasetApi(): DatasetApi {
  const env = parseEnv(DatasetApiEnv);
  const dynamo = documentClient();
  const lambda = new LambdaClient({});
  const plainS3 = new S3Client({ requestChecksumCalculation: 'WHEN_REQUIRED' });
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    uploads: new UploadStore(plainS3, env.DATASET_BUCKET),
    store: new DatasetStore(new S3Client({}), env.DATASET_BUCKET),
    table: new DatasetTable(dynamo, env.DATASET_TABLE),
    pointers: new PointerTable(dynamo, env.DATASET_TABLE),
    evaluations: new EvaluationTable(dynamo, env.EVALUATION_TABLE),
    announce: announcingBy(new FunctionStarter(lambda, env.ANNOUNCE_FUNCTION)),
    imports: new FunctionStarter(lambda, env.IMPORT_FUNCTION),
    exports: new FunctionStarter(lambda, env.EXPORT_FUNCTION),
    snapshots: new FunctionStarter(lambda, env.SNAPSHOT_FUNCTION),
    clock: systemClock,
  };
}
