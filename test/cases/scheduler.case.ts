import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `SCHEDULER_TEMPLATE` is deployed. */
export interface SchedulerTarget extends AwsTarget {
  readonly scheduleArn: string;
  /** Gets what the schedule sends each minute. */
  readonly queueUrl: string;
}

interface Due {
  readonly at: string;
  readonly by: string;
  readonly execution: string;
  readonly attempt: string;
}

/** Three minutes, each of which Scheduler may use up to be late. */
const PATIENCE_MS = 240_000;

/** What Slipway relies on in EventBridge Scheduler, wherever it runs. */
export function schedulerCases(name: string, connect: () => Promise<SchedulerTarget>): void {
  describe(`EventBridge Scheduler: ${name}`, () => {
    let target: SchedulerTarget;
    let queue: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      queue = new CasesQueue(target, target.queueUrl);
    });
    afterAll(() => queue.close());

    test(
      'a schedule sends its input each time that it is due, with what it is about filled in',
      async () => {
        const timesIn = (taken: readonly unknown[]) => [
          ...new Set((taken as Due[]).map(({ at }) => at)),
        ];
        const taken = await queue.takeUntil((all) => timesIn(all).length >= 3, PATIENCE_MS);
        for (const each of taken)
          expect(each).toEqual({
            at: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/),
            by: target.scheduleArn,
            execution: expect.stringMatching(/./),
            attempt: expect.stringMatching(/^\d+$/),
          });
        const [first = '', ...later] = timesIn(taken).toSorted();
        for (const at of later) expect((Date.parse(at) - Date.parse(first)) % 60_000).toBe(0);
        const executions = new Set((taken as Due[]).map(({ execution }) => execution));
        expect(executions.size).toBeGreaterThanOrEqual(3);
      },
      PATIENCE_MS + 10_000,
    );
  });
}
