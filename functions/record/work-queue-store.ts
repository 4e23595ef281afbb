import {
  DeleteMessageCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  type SQSClient,
} from '@aws-sdk/client-sqs';
import * as z from 'zod/mini';

/** What waits to be recorded, one a message. */
export const RecordWork = z.discriminatedUnion('kind', [
  /** Log messages that could not be recorded; of a line in parts each is sent alone. */
  z.object({ kind: z.literal('lines'), messages: z.array(z.string()), reason: z.string() }),
  /** A prediction whose silence has a meaning from now on. */
  z.object({ kind: z.literal('matured'), predictionId: z.string() }),
]);
export type RecordWork = z.infer<typeof RecordWork>;

/** A message that may be moved: it is gone from its queue once `done` is called. */
export interface Waiting {
  readonly body: string;
  done(): Promise<void>;
}

/** SQS takes 10 messages and 1 MiB a call; a part of a line has up to 200 kB. */
const BATCH = { messages: 10, bytes: 900_000 };

/** The only code that touches the queues of recording. */
export class WorkQueueStore {
  readonly #client: SQSClient;
  readonly #queueUrl: string;

  constructor(client: SQSClient, queueUrl: string) {
    this.#client = client;
    this.#queueUrl = queueUrl;
  }

  /** @throws when one of them was not taken; what was taken twice is recorded once. */
  async send(work: readonly RecordWork[]): Promise<void> {
    for (const batch of batchesOf(work.map((each) => JSON.stringify(each)))) {
      const { Failed = [] } = await this.#client.send(
        new SendMessageBatchCommand({
          QueueUrl: this.#queueUrl,
          Entries: batch.map((MessageBody, at) => ({ Id: String(at), MessageBody })),
        }),
      );
      if (Failed.length > 0)
        throw new Error(`SQS refused ${Failed.length} messages: ${Failed[0]?.Message ?? ''}`);
    }
  }

  /** Up to 10 of those that wait; hidden from others for as long as the queue says. */
  async receive(): Promise<readonly Waiting[]> {
    const { Messages = [] } = await this.#client.send(
      new ReceiveMessageCommand({ QueueUrl: this.#queueUrl, MaxNumberOfMessages: BATCH.messages }),
    );
    return Messages.map(({ Body = '', ReceiptHandle }) => ({
      body: Body,
      done: async () => {
        await this.#client.send(
          new DeleteMessageCommand({ QueueUrl: this.#queueUrl, ReceiptHandle }),
        );
      },
    }));
  }
}

function* batchesOf(bodies: readonly string[]): Generator<readonly string[]> {
  let batch: string[] = [];
  let bytes = 0;
  for (const body of bodies) {
    const size = Buffer.byteLength(body);
    if (batch.length === BATCH.messages || (batch.length > 0 && bytes + size > BATCH.bytes)) {
      yield batch;
      [batch, bytes] = [[], 0];
    }
    batch.push(body);
    bytes += size;
  }
  if (batch.length > 0) yield batch;
}
