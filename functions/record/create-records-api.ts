import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { SQSClient } from '@aws-sdk/client-sqs';
import { documentClient } from '../runtime/clients.ts';
import { parseEnv } from '../runtime/parse-env.ts';
import { RecordsEnv } from './env.ts';
import { JoinTable } from './join-table.ts';
import type { RecordsApi } from './records-api.ts';
import { WorkQueueStore } from './work-queue-store.ts';

/** The operators' view of recording, wired to this function's environment. */
export function createRecordsApi(): RecordsApi {
  const env = parseEnv(RecordsEnv);
  const sqs = new SQSClient({});
  const lambda = new LambdaClient({});
  return {
    joins: new JoinTable(documentClient(), env.JOIN_TABLE),
    deliveries: new WorkQueueStore(sqs, env.DELIVERY_QUEUE),
    parked: new WorkQueueStore(sqs, env.PARKED_QUEUE),
    work: new WorkQueueStore(sqs, env.WORK_QUEUE),
    async deliverAgain(payload) {
      await lambda.send(
        new InvokeCommand({
          FunctionName: env.RECORDER,
          InvocationType: 'Event',
          Payload: Buffer.from(JSON.stringify(payload)),
        }),
      );
    },
  };
}
