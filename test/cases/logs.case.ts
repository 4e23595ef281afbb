import { randomUUID } from 'node:crypto';
import { InvokeCommand, LambdaClient } from '@aws-sdk/client-lambda';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `LOGS_TEMPLATE` is deployed. */
export interface LogsTarget extends AwsTarget {
  /** A function that writes the `lines` of its event to its log. */
  readonly functionName: string;
  readonly logGroup: string;
  /** Gets what the subscription `wanted`, of lines of that `kind`, hands to its function, decoded. */
  readonly toldUrl: string;
}

interface Delivery {
  readonly messageType: string;
  readonly owner: string;
  readonly logGroup: string;
  readonly logStream: string;
  readonly subscriptionFilters: readonly string[];
  readonly logEvents: readonly { id: string; timestamp: number; message: string }[];
}

/** What Slipway relies on in subscriptions to CloudWatch Logs, wherever they run. */
export function logsCases(name: string, connect: () => Promise<LogsTarget>): void {
  describe(`CloudWatch Logs: ${name}`, () => {
    let target: LogsTarget;
    let lambda: LambdaClient;
    let told: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      lambda = new LambdaClient(target);
      told = new CasesQueue(target, target.toldUrl);
    });
    afterAll(() => {
      lambda.destroy();
      told.close();
    });

    const say = (...lines: readonly string[]) =>
      lambda.send(
        new InvokeCommand({
          FunctionName: target.functionName,
          Payload: Buffer.from(JSON.stringify({ lines })),
        }),
      );

    test('a subscription gets the lines that match, each once by its id and in order', async () => {
      const id = randomUUID();
      const wanted = (n: number) => JSON.stringify({ kind: 'wanted', id, n, text: 'ü' });
      await say(
        wanted(1),
        JSON.stringify({ kind: 'unwanted', id, n: 2 }),
        `no JSON {"kind":"wanted"} ${id}`,
        wanted(3),
        // A line that says the same is another event.
        wanted(3),
      );
      const eventsOf = (taken: readonly unknown[]) => {
        const events = (taken as Delivery[]).flatMap(({ logEvents }) => logEvents);
        const ours = events.filter(({ message }) => message.includes(id));
        return [...new Map(ours.map((each) => [each.id, each])).values()];
      };
      const taken = await told.takeUntil((all) => eventsOf(all).length >= 3);
      const events = eventsOf(taken);
      expect(events.map(({ message }) => message.trimEnd())).toEqual([1, 3, 3].map(wanted));
      for (const { timestamp } of events) expect(timestamp).toBeGreaterThan(1_700_000_000_000);
      const deliveries = (taken as Delivery[]).filter((each) => eventsOf([each]).length > 0);
      for (const delivery of deliveries)
        expect(delivery).toMatchObject({
          messageType: 'DATA_MESSAGE',
          owner: expect.stringMatching(/^\d{12}$/),
          logGroup: target.logGroup,
          logStream: expect.stringMatching(/./),
          subscriptionFilters: ['wanted'],
        });
    });
  });
}
