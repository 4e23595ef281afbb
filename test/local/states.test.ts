import { afterEach, describe, expect, test, vi } from 'vitest';
import { parseDefinition } from '../../infra/local/emulators/states-definition.ts';
import type { Invoked } from '../../infra/local/emulators/states-task.ts';
import { until } from '../builders/running-stack.ts';
import {
  ARN,
  answered,
  closeMachines,
  done,
  failed,
  HOUR_MS,
  machine,
  type States,
  task,
} from '../builders/state-machine.ts';

afterEach(closeMachines);

describe('a state machine', () => {
  test('carries input, output and variables through its states', async () => {
    const { ended, statuses } = await machine({
      Ask: task({ Assign: { asked: '{% $states.input.n %}' }, Next: 'Choose' }),
      Choose: {
        Type: 'Choice',
        Choices: [{ Condition: '{% $asked > 1 %}', Next: 'Many' }],
        Default: 'Few',
      },
      Many: { Type: 'Pass', Output: { n: '{% $asked * 2 %}', word: 'many' }, End: true },
      Few: done,
    });
    expect((await ended({ n: 4 })).output).toEqual({ n: 8, word: 'many' });
    expect((await ended({ n: 1 })).output).toEqual({ n: 1 });
    // An end is told of after it is written.
    await until(() => statuses.length === 4);
    expect(statuses).toEqual(['RUNNING', 'SUCCEEDED', 'RUNNING', 'SUCCEEDED']);
  });

  test('has ended for nobody before its end is on disk', async () => {
    const { machines, store } = await machine({ Done: done });
    const reached = Promise.withResolvers<void>();
    const released = Promise.withResolvers<void>();
    const write = store.write.bind(store);
    vi.spyOn(store, 'write').mockImplementation(async (record, events) => {
      if (record.status === 'SUCCEEDED') {
        reached.resolve();
        await released.promise;
      }
      await write(record, events);
    });
    const { arn } = await machines.startExecution(ARN, {});
    await reached.promise;
    expect(machines.execution(arn).status).toBe('RUNNING');
    released.resolve();
    await until(() => machines.execution(arn).status === 'SUCCEEDED');
  });

  test('waits on the virtual clock, longer than a timer can', async () => {
    const { machines, clock } = await machine({
      Wait: { Type: 'Wait', Seconds: '{% $states.input.days * 86400 %}', Next: 'Done' },
      Done: done,
    });
    const { arn } = await machines.startExecution(ARN, { days: 60 });
    await until(() => machines.execution(arn).cursor.phase.kind === 'waiting');
    clock.advance(59 * 24 * HOUR_MS);
    expect(machines.execution(arn).status).toBe('RUNNING');
    clock.advance(24 * HOUR_MS);
    await until(() => machines.execution(arn).status === 'SUCCEEDED');
  });

  test('is over when its time is', async () => {
    const { machines, clock } = await machine(
      { Wait: { Type: 'Wait', Seconds: 7200, Next: 'Done' }, Done: done },
      undefined,
      { TimeoutSeconds: 3600 },
    );
    const { arn } = await machines.startExecution(ARN, {});
    await until(() => machines.execution(arn).cursor.phase.kind === 'waiting');
    clock.advance(HOUR_MS);
    await until(() => machines.execution(arn).status === 'TIMED_OUT');
    expect(machines.execution(arn).error).toBe('States.Timeout');
  });

  test('fails when a state gives more than 256 KiB', async () => {
    const { ended } = await machine({ Ask: task({ End: true }) }, () =>
      answered('x'.repeat(262_144)),
    );
    expect((await ended()).error).toBe('States.DataLimitExceeded');
  });

  test('fails when its history is full, with its last event in it', async () => {
    const { ended, machines } = await machine({
      Again: { Type: 'Pass', Next: 'Again' },
    });
    const { arn, error } = await ended();
    expect(error).toBe('States.Runtime');
    const history = await machines.history(arn);
    expect(history).toHaveLength(25_000);
    expect(history.at(-1)?.type).toBe('ExecutionFailed');
  });
});

describe('a task', () => {
  const retry = {
    ErrorEquals: ['Busy'],
    IntervalSeconds: 1,
    MaxAttempts: 2,
    JitterStrategy: 'FULL',
  };

  test('is tried again for the errors it names, as often as it says', async () => {
    let calls = 0;
    const { ended } = await machine({ Ask: task({ Retry: [retry], End: true }) }, () => {
      calls += 1;
      return calls < 3 ? failed('Busy') : answered('at last');
    });
    expect((await ended()).output).toBe('at last');
    expect((await ended()).status).toBe('SUCCEEDED');
    expect(calls).toBe(4);
  });

  test.each<[string, Invoked, string]>([
    ['fails by the function’s error', failed('TypeError'), 'TypeError'],
    [
      'fails by Lambda’s refusal',
      { kind: 'refused', code: 'TooManyRequestsException', message: 'slow down' },
      'Lambda.TooManyRequestsException',
    ],
  ])('%s', async (_, invoked, error) => {
    const { ended } = await machine({ Ask: task({ End: true }) }, () => invoked);
    expect((await ended()).error).toBe(error);
  });

  test('that takes too long times out on real time', async () => {
    const { ended } = await machine(
      { Ask: task({ TimeoutSeconds: 1, End: true }) },
      () => Promise.withResolvers<Invoked>().promise,
    );
    expect((await ended()).error).toBe('States.Timeout');
  });
});

describe('a definition', () => {
  const parse = (states: States, rest: object = {}) =>
    parseDefinition(
      JSON.stringify({ QueryLanguage: 'JSONata', StartAt: 'A', States: states, ...rest }),
      'm',
    );

  test.each<[string, () => unknown, RegExp]>([
    [
      'with Parallel',
      () => parse({ A: { Type: 'Parallel', Branches: [], End: true } }),
      /States.*A/s,
    ],
    ['in JSONPath', () => parse({ A: done }, { QueryLanguage: 'JSONPath' }), /QueryLanguage/],
    [
      'that calls another service',
      () => parse({ A: { ...task({ End: true }), Resource: 'arn:aws:states:::sns:publish' } }),
      /Resource/,
    ],
    ['that names a state it lacks', () => parse({ A: { Type: 'Pass', Next: 'B' } }), /not have: B/],
  ])('%s is refused at start, with its place', (_, refused, message) => {
    expect(refused).toThrow(message);
  });
});
