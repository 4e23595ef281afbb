import { afterEach, describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import type { EventSourceMapping } from '../../infra/local/emulators/event-source-mapping.ts';
import {
  EVENT_SOURCE_TYPES,
  startEventSources,
} from '../../infra/local/emulators/event-sources.ts';
import { LAMBDA_TYPES } from '../../infra/local/emulators/lambda-types.ts';
import type { Outcome } from '../../infra/local/workers/environment.ts';
import {
  type Declaration,
  declare,
  type EmulatedAccount,
  PLACE,
  role,
  roleArn,
  startAccount,
} from '../builders/emulated-account.ts';
import { until } from '../builders/running-stack.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const arnOf = (name: string) => `arn:aws:sqs:${PLACE.region}:${PLACE.account}:${name}`;
const text = (body: string) => ({ body, attributes: {}, senderId: 'test' });
const POLLER = role('worker', [
  ['sqs:ReceiveMessage', 'sqs:DeleteMessage', 'sqs:GetQueueAttributes'],
]);
const QUEUES: readonly Declaration[] = [
  ['AWS::SQS::Queue', 'dead', { QueueName: 'dead' }],
  [
    'AWS::SQS::Queue',
    'q',
    {
      QueueName: 'q',
      VisibilityTimeout: 60,
      RedrivePolicy: { deadLetterTargetArn: arnOf('dead'), maxReceiveCount: 3 },
    },
  ],
];
const FUNCTION: Declaration = [
  'AWS::Lambda::Function',
  'f',
  { FunctionName: 'f', Role: roleArn('worker'), Timeout: 10 },
];

interface Record {
  readonly messageId: string;
  readonly body: string;
  readonly attributes: { readonly ApproximateReceiveCount: string };
}
type Answer = (records: readonly Record[]) => unknown;

const running: EventSourceMapping[] = [];
afterEach(async () => {
  for (const mapping of running.splice(0)) await mapping.stop();
});

/** Starts a mapping of the queue to a function that answers so; gives the bodies of each batch. */
function map(
  account: EmulatedAccount,
  clock: VirtualClock,
  answer: Answer,
  properties: object = {},
): { readonly batches: string[][]; readonly faults: unknown[] } {
  const batches: string[][] = [];
  const faults: unknown[] = [];
  const invoke = async (_: string, payload: string): Promise<Outcome> => {
    const { Records } = JSON.parse(payload);
    batches.push(Records.map(({ body }: Record) => body));
    try {
      return { kind: 'answered', payload: JSON.stringify(answer(Records) ?? null) };
    } catch (error) {
      return { kind: 'failed', failure: { errorType: 'Error', errorMessage: String(error) } };
    }
  };
  const mapping: Declaration = [
    'AWS::Lambda::EventSourceMapping',
    'Mapping',
    {
      EventSourceArn: arnOf('q'),
      FunctionName: 'f',
      ScalingConfig: { MaximumConcurrency: 2 },
      ...properties,
    },
  ];
  const types = { ...LAMBDA_TYPES, ...EVENT_SOURCE_TYPES };
  const resources = [FUNCTION, mapping].map((declaration) => declare(declaration, types));
  const { authorizer, sqs } = account;
  running.push(
    ...startEventSources(resources, {
      place: PLACE,
      clock,
      authorizer,
      queue: (arn) => sqs.queue(arn),
      invoke,
      onFault: (fault) => faults.push(fault),
    }),
  );
  return { batches, faults };
}

const REPORTS = { FunctionResponseTypes: ['ReportBatchItemFailures'] };
const EMPTY = { visible: 0, inFlight: 0, delayed: 0 };

describe('messages of a queue', () => {
  test('come back after the visibility timeout when the function fails, and end as dead letters', async () => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([POLLER, ...QUEUES], { clock });
    const q = account.sqs.queue(arnOf('q'));
    const { batches } = map(account, clock, () => {
      throw new Error('poison');
    });
    await q.send(text('x'));
    for (const attempt of [1, 2, 3]) {
      await until(() => batches.length === attempt && q.counts().inFlight === 1);
      clock.advance(61_000);
    }
    const dead = account.sqs.queue(arnOf('dead'));
    // It is written there before it is deleted here.
    await until(() => dead.counts().visible === 1 && q.counts().visible === 0);
    expect(q.counts()).toEqual(EMPTY);
    expect(batches).toEqual([['x'], ['x'], ['x']]);
  });

  test('wait for one another as long as the batching window, on the virtual clock', async () => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([POLLER, ...QUEUES], { clock });
    const q = account.sqs.queue(arnOf('q'));
    const { batches } = map(account, clock, () => undefined, {
      BatchSize: 100,
      MaximumBatchingWindowInSeconds: 30,
    });
    await q.send(text('first'));
    await until(() => q.counts().inFlight === 1);
    await q.send(text('second'));
    await until(() => q.counts().inFlight === 2);
    expect(batches).toEqual([]);
    await until(() => {
      // No further than the window: messages that are not deleted in time would come again.
      if (batches.flat().length < 2) clock.advance(1000);
      return q.counts().inFlight === 0;
    });
    expect(batches.flat().toSorted()).toEqual(['first', 'second']);
  });

  test('that were in the hands of a function that died come back after a restart', async () => {
    await using folder = await temporaryFolder();
    const clock = new VirtualClock(0);
    {
      await using account = await startAccount([POLLER, ...QUEUES], { clock, ...folder });
      await account.sqs.queue(arnOf('q')).send(text('x'));
      const { batches } = map(account, clock, () => {
        throw new Error('killed');
      });
      await until(() => batches.length === 1);
      await running.pop()?.stop();
    }
    clock.advance(61_000);
    await using account = await startAccount([POLLER, ...QUEUES], { clock, ...folder });
    const { batches } = map(account, clock, () => undefined);
    await until(() => batches.length === 1);
    await running.pop()?.stop();
    expect(account.sqs.queue(arnOf('q')).counts()).toEqual(EMPTY);
  });
});

describe('a partial-batch response', () => {
  test.each<[string, Answer, readonly string[]]>([
    ['that is empty confirms all', () => ({ batchItemFailures: [] }), []],
    ['without the member confirms all', () => ({}), []],
    ['that is null confirms all', () => null, []],
    [
      'with an identifier of nowhere fails all',
      () => ({ batchItemFailures: [{ itemIdentifier: 'nowhere' }] }),
      ['a', 'b'],
    ],
    [
      'with an empty identifier fails all',
      () => ({ batchItemFailures: [{ itemIdentifier: '' }] }),
      ['a', 'b'],
    ],
    ['of another shape fails all', () => 'done', ['a', 'b']],
  ])('%s', async (_, answer, kept) => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([POLLER, ...QUEUES], { clock });
    const q = account.sqs.queue(arnOf('q'));
    await q.send(text('a'));
    await q.send(text('b'));
    let invocations = 0;
    map(
      account,
      clock,
      (records) => {
        invocations += records.length;
        return answer(records);
      },
      { ...REPORTS },
    );
    await until(() => invocations === 2 && q.counts().inFlight === kept.length);
    clock.advance(61_000);
    await running.pop()?.stop();
    const back = await q.receive({ maxMessages: 10, waitMs: 0 });
    // A poller may have been quicker to take what came back.
    expect(back.map(({ body }) => body).every((body) => kept.includes(body))).toBe(true);
    expect(invocations === 2 ? back.length : kept.length).toBe(kept.length);
  });
});

describe('a mapping that Lambda would refuse stops the start', () => {
  test.each<[string, readonly Declaration[], object, string]>([
    [
      'without permission to delete',
      [role('worker', [['sqs:ReceiveMessage']])],
      {},
      'not authorized to perform: sqs:DeleteMessage',
    ],
    [
      'of a large batch without a window',
      [POLLER],
      { BatchSize: 50 },
      'needs a MaximumBatchingWindowInSeconds',
    ],
    [
      'of a function that is not there',
      [POLLER],
      { FunctionName: 'g' },
      'the template has no function g',
    ],
  ])('%s', async (_, roles, properties, message) => {
    const clock = new VirtualClock(0);
    await using account = await startAccount([...roles, ...QUEUES], { clock });
    expect(() => map(account, clock, () => undefined, properties)).toThrow(message);
  });
});
