import { EventBridgeClient } from '@aws-sdk/client-eventbridge';
import { SQSClient } from '@aws-sdk/client-sqs';
import type { ModelSpec } from '../contracts/model-spec.ts';
import { JoinTable } from '../record/join-table.ts';
import { WorkQueueStore } from '../record/work-queue-store.ts';
import { readAsset } from '../runtime/asset.ts';
import { documentClient } from '../runtime/clients.ts';
import { systemClock } from '../runtime/clock.ts';
import { EventPublisher } from '../runtime/event-publisher.ts';
import { writeLine } from '../runtime/log.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import type { HourCloser } from './close-hours.ts';
import { ClosedHourTable } from './closed-hour-table.ts';
import { HoursDueEnv } from './env.ts';

/** What closes hours, wired to this function's environment and deployed specs. */
export function createHourCloser(): HourCloser {
  const env = parseEnv(HoursDueEnv);
  const dynamo = documentClient();
  return {
    // Checked when they were synthesized.
    specs: readAsset('specs.json') as readonly ModelSpec[],
    joins: new JoinTable(dynamo, env.JOIN_TABLE),
    hours: new ClosedHourTable(dynamo, env.EVALUATION_TABLE),
    work: new WorkQueueStore(new SQSClient({}), env.WORK_QUEUE),
    events: new EventPublisher(new EventBridgeClient({}), env.EVENT_BUS),
    clock: systemClock,
    writeLine,
  };
}
