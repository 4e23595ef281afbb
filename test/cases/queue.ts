import { setTimeout } from 'node:timers/promises';
import {
  DeleteMessageCommand,
  GetQueueAttributesCommand,
  ReceiveMessageCommand,
  SendMessageBatchCommand,
  SQSClient,
} from '@aws-sdk/client-sqs';
import type { AwsTarget } from './target.ts';

const PAUSE_MS = 50;

/** A queue in which cases see what they brought about; its bodies are JSON. */
export class CasesQueue {
  readonly #client: SQSClient;
  readonly #url: string;

  constructor(target: AwsTarget, url: string) {
    this.#client = new SQSClient(target);
    this.#url = url;
  }

  close(): void {
    this.#client.destroy();
  }

  async send(...bodies: readonly object[]): Promise<void> {
    const Entries = bodies.map((body, at) => ({ Id: `m${at}`, MessageBody: JSON.stringify(body) }));
    await this.#client.send(new SendMessageBatchCommand({ QueueUrl: this.#url, Entries }));
  }

  /** Takes out what is there, or what comes within a second. */
  async take(): Promise<unknown[]> {
    const QueueUrl = this.#url;
    const { Messages = [] } = await this.#client.send(
      new ReceiveMessageCommand({ QueueUrl, MaxNumberOfMessages: 10, WaitTimeSeconds: 1 }),
    );
    for (const { ReceiptHandle } of Messages)
      await this.#client.send(new DeleteMessageCommand({ QueueUrl, ReceiptHandle }));
    return Messages.map(({ Body = '' }) => JSON.parse(Body) as unknown);
  }

  /** Takes out what comes until there is enough. Deliveries are at least once: count by what they say. */
  async takeUntil(
    isEnough: (taken: readonly unknown[]) => boolean,
    withinMs = 50_000,
  ): Promise<readonly unknown[]> {
    const taken: unknown[] = [];
    const giveUpAt = performance.now() + withinMs;
    while (!isEnough(taken)) {
      if (performance.now() > giveUpAt)
        throw new Error(`within ${withinMs} ms came only ${JSON.stringify(taken)}`);
      taken.push(...(await this.take()));
    }
    return taken;
  }

  /** Waits until nothing is in the queue or in anybody's hands. */
  async isEmptied(withinMs = 50_000): Promise<void> {
    const giveUpAt = performance.now() + withinMs;
    while ((await this.#count()) > 0) {
      if (performance.now() > giveUpAt) throw new Error(`not empty within ${withinMs} ms`);
      await setTimeout(PAUSE_MS);
    }
  }

  async #count(): Promise<number> {
    const AttributeNames = [
      'ApproximateNumberOfMessages',
      'ApproximateNumberOfMessagesNotVisible',
    ] as const;
    const { Attributes = {} } = await this.#client.send(
      new GetQueueAttributesCommand({ QueueUrl: this.#url, AttributeNames: [...AttributeNames] }),
    );
    return AttributeNames.reduce((sum, name) => sum + Number(Attributes[name]), 0);
  }
}
