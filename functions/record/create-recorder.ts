import { FirehoseClient } from '@aws-sdk/client-firehose';
import { S3Client } from '@aws-sdk/client-s3';
import { SQSClient } from '@aws-sdk/client-sqs';
import type * as z from 'zod/mini';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { log, writeLine } from '../runtime/log.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { ArchiveStore } from './archive-store.ts';
import { LogRecordingEnv, OutcomesEnv } from './env.ts';
import { JoinTable } from './join-table.ts';
import { LogRecording } from './log-recording.ts';
import { Measurements } from './measurements.ts';
import { OutcomeReporter } from './outcome-reports.ts';
import type { OutcomesApi } from './outcomes-api.ts';
import { Recorder } from './recorder.ts';
import { UnitTable } from './unit-table.ts';
import { WorkQueueStore } from './work-queue-store.ts';

/** The recorder, wired to this function's environment and deployed specs. */
function createRecorder(env: z.infer<typeof OutcomesEnv>) {
  // Checked when they were synthesized.
  const specs = readAsset('specs.json') as readonly ModelSpec[];
  const dynamo = documentClient();
  const joins = new JoinTable(dynamo, env.JOIN_TABLE);
  const units = new UnitTable(dynamo, env.UNIT_TABLE);
  const streams = {
    predictions: env.PREDICTION_STREAM,
    outcomes: env.OUTCOME_STREAM,
    scores: env.SCORE_STREAM,
  };
  const archive = new ArchiveStore(
    new FirehoseClient({}),
    new S3Client({}),
    streams,
    env.ARCHIVE_BUCKET,
  );
  const measurements = new Measurements(specs, systemClock, writeLine);
  const clock = systemClock;
  const recorder = new Recorder({ specs, joins, units, archive, clock, measurements });
  return { specs, joins, measurements, recorder, clock, log };
}

export function createLogRecording(): LogRecording {
  const env = parseEnv(LogRecordingEnv);
  const sqs = new SQSClient({});
  return new LogRecording({
    ...createRecorder(env),
    failed: new WorkQueueStore(sqs, env.WORK_QUEUE),
    parked: new WorkQueueStore(sqs, env.PARKED_QUEUE),
  });
}

export function createOutcomesApi(): OutcomesApi {
  const { specs, ...parts } = createRecorder(parseEnv(OutcomesEnv));
  const horizons = specs.map(({ monitoring }) => monitoring.outcomes.horizonHours);
  const longestHorizonHours = Math.max(...horizons);
  return {
    recorder: parts.recorder,
    reporter: new OutcomeReporter({ ...parts, longestHorizonHours }),
  };
}
