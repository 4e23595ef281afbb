import { afterEach, describe, expect, test } from 'vitest';
import { StatesError } from '../../infra/local/emulators/states-error.ts';
import type { TokenResult } from '../../infra/local/emulators/states-machines.ts';
import { until } from '../builders/running-stack.ts';
import {
  ARN,
  answered,
  closeMachines,
  done,
  failed,
  HOUR_MS,
  machine,
} from '../builders/state-machine.ts';

afterEach(closeMachines);

describe('a task with a token', () => {
  const approve = (rest: object = {}) => ({
    Type: 'Task',
    Resource: 'arn:aws:states:::lambda:invoke.waitForTaskToken',
    Arguments: { FunctionName: 'f', Payload: { token: '{% $states.context.Task.Token %}' } },
    Next: 'Done',
    ...rest,
  });
  const waiting = async (rest: object = {}) => {
    const tokens: string[] = [];
    const made = await machine({ Approve: approve(rest), Done: done }, (payload) => {
      tokens.push((payload as { token: string }).token);
      return answered(null);
    });
    const { arn } = await made.machines.startExecution(ARN, {});
    const isOut = () =>
      made.machines.execution(arn).cursor.phase.kind === 'token' && tokens.length > 0;
    await until(isOut);
    return { ...made, arn, token: () => tokens[0] ?? '' };
  };
  const settled = (made: Awaited<ReturnType<typeof waiting>>) =>
    until(() => made.machines.execution(made.arn).status !== 'RUNNING');

  test('expires on the virtual clock', async () => {
    const made = await waiting({ TimeoutSeconds: 3600 });
    made.clock.advance(HOUR_MS);
    await settled(made);
    expect(made.machines.execution(made.arn).error).toBe('States.Timeout');
  });

  test('fails without a sign of life, which a heartbeat is', async () => {
    const silent = { ErrorEquals: ['States.HeartbeatTimeout'], Output: 'silent', Next: 'Done' };
    const made = await waiting({ HeartbeatSeconds: 60, Catch: [silent] });
    made.clock.advance(50_000);
    made.machines.beat(made.token());
    made.clock.advance(50_000);
    expect(made.machines.execution(made.arn).status).toBe('RUNNING');
    made.clock.advance(11_000);
    await settled(made);
    expect(made.machines.execution(made.arn).output).toBe('silent');
  });

  test.each<[string, TokenResult]>([
    ['SUCCEEDED', { output: 1 }],
    ['FAILED', { failure: new StatesError('Refused', 'at once') }],
  ])('is %s by an answer that comes before the function has returned', async (status, result) => {
    const made: Awaited<ReturnType<typeof machine>> = await machine(
      { Approve: approve(), Done: done },
      async (payload) => {
        made.machines.settleToken((payload as { token: string }).token, result);
        // As a call over the network would take longer than the answer.
        await new Promise(setImmediate);
        return answered(null);
      },
    );
    expect((await made.ended()).status).toBe(status);
  });

  test('is stopped while its token is being handed over', async () => {
    const handed = Promise.withResolvers<void>();
    const made = await machine({ Approve: approve(), Done: done }, async () => {
      await handed.promise;
      return answered(null);
    });
    const { arn } = await made.machines.startExecution(ARN, {});
    await until(() => made.machines.execution(arn).cursor.phase.kind === 'token');
    const stopped = made.machines.stopExecution(arn);
    handed.resolve();
    await stopped;
    expect(made.machines.execution(arn).status).toBe('ABORTED');
  });

  test('keeps its token over a restart, and is not handed over again', async () => {
    const made = await waiting();
    await made.close();
    const later = await machine(
      { Approve: approve(), Done: done },
      () => failed('must not be called'),
      { folder: made.folder, clock: made.clock },
    );
    await until(() => later.machines.machineOfToken(made.token()) === ARN);
    later.machines.settleToken(made.token(), { output: 'kept' });
    await until(() => later.machines.execution(made.arn).status === 'SUCCEEDED');
    expect(later.machines.execution(made.arn).output).toBe('kept');
  });
});

describe('a restart', () => {
  const states = {
    Assign: { Type: 'Pass', Assign: { kept: '{% $states.input.n %}' }, Next: 'Wait' },
    Wait: { Type: 'Wait', Seconds: 3600, Next: 'Say' },
    Say: { Type: 'Pass', Output: '{% $kept %}', Next: 'Done' },
    Done: done,
  };

  test('goes on in the state where an execution stood, with its variables and its deadline', async () => {
    const first = await machine(states);
    const { arn } = await first.machines.startExecution(ARN, { n: 5 });
    await until(() => first.machines.execution(arn).cursor.phase.kind === 'waiting');
    first.clock.advance(HOUR_MS / 2);
    await first.close();
    const second = await machine(states, undefined, { folder: first.folder, clock: first.clock });
    expect(second.machines.execution(arn).status).toBe('RUNNING');
    second.clock.advance(HOUR_MS / 2);
    await until(() => second.machines.execution(arn).status === 'SUCCEEDED');
    expect(second.machines.execution(arn).output).toBe(5);
    const types = (await second.machines.history(arn)).map(({ type }) => type);
    expect(types.filter((type) => type === 'WaitStateEntered')).toHaveLength(1);
  });
});
