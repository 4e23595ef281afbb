import { tmpdir } from 'node:os';
import { S3Client } from '@aws-sdk/client-s3';
import middy from '@middy/core';
import * as z from 'zod/mini';
import { DatasetDigest } from '../contracts/dataset.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from '../runtime/asset.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { ExportFormat } from './dataset-requests.ts';
import { DatasetStore } from './dataset-store.ts';
import { ExportEnv } from './env.ts';
import { runExport } from './export-dataset.ts';

const env = parseEnv(ExportEnv);
// Checked when they were synthesized.
const specs = readAsset('specs.json') as readonly ModelSpec[];
const store = new DatasetStore(new S3Client({}), env.DATASET_BUCKET);

const Event = z.object({ model: z.string(), digest: DatasetDigest, format: ExportFormat });

export const handler = middy().handler(async (event: unknown) =>
  runExport(Event.parse(event), { specs, store, disk: tmpdir() }),
);
