import { LambdaClient } from '@aws-sdk/client-lambda';
import { S3Client } from '@aws-sdk/client-s3';
import type { Promotion, StepInput } from '../contracts/promotion.ts';
import { TrialAnswer } from '../contracts/trial.ts';
import { ArchiveReader } from '../record/archive-reader-store.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { createExposureContext } from './create-promotion-context.ts';
import { ExposingEnv, type HostingEnv, type MovingEnv, ReplayEnv } from './env.ts';
import { FunctionStore } from './function-store.ts';
import type { Try } from './trials.ts';

/** What tries versions, wired to this function's environment. */
export const createTrials = () => trialsIn(parseEnv(ExposingEnv));

export function createReplay() {
  const env = parseEnv(ReplayEnv);
  return { ...trialsIn(env), archive: new ArchiveReader(new S3Client({}), env.ARCHIVE_BUCKET) };
}

function trialsIn(env: MovingEnv & HostingEnv) {
  const context = createExposureContext(env);
  const functions = new FunctionStore(new LambdaClient({}));
  const tryOf =
    ({ trial }: StepInput, promotion: Promotion): Try =>
    async (request) => {
      if (trial === undefined) throw new Error('the machine names no trial function');
      const served = await context.servedVersion(promotion);
      return TrialAnswer.parse(await functions.ask(trial, { ...request, served }));
    };
  return { ...context, tryOf };
}
