import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import * as z from 'zod/mini';
import { DatasetEvaluation } from '../contracts/dataset-evaluation.ts';
import { EvaluationStore } from '../evaluate/evaluation-store.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createPromotionContext } from './create-promotion-context.ts';
import { OfflineEnv } from './env.ts';
import { FunctionStore } from './function-store.ts';
import type { OfflineSource } from './offline-evaluating.ts';
import type { PromotionContext } from './promotion-context.ts';

const Answer = z.object({ results: z.array(DatasetEvaluation) });

/** What judges versions on datasets, wired to this function's environment. */
export function createOfflineJudge(): PromotionContext & OfflineSource {
  const env = parseEnv(OfflineEnv);
  const functions = new FunctionStore(new LambdaClient({}));
  const evaluations = new EvaluationStore(new S3Client({}), env.DATASET_BUCKET);
  return {
    ...createPromotionContext(env),
    evaluate: async (request) =>
      Answer.parse(await functions.ask(env.EVALUATION_FUNCTION, request)).results,
    units: ({ unitsKey }) => evaluations.readUnits(unitsKey),
  };
}
