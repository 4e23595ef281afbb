import { randomUUID } from 'node:crypto';
import {
  DescribeExecutionCommand,
  type DescribeExecutionOutput,
  GetExecutionHistoryCommand,
  SendTaskFailureCommand,
  SendTaskSuccessCommand,
  SFNClient,
  StartExecutionCommand,
  StopExecutionCommand,
} from '@aws-sdk/client-sfn';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { CasesQueue } from './queue.ts';
import type { AwsTarget } from './target.ts';

/** Where `STATES_TEMPLATE` is deployed. The caller may do everything with its machine and executions. */
export interface StatesTarget extends AwsTarget {
  readonly stateMachineArn: string;
  /** Gets what the default bus tells of its executions. */
  readonly statusesUrl: string;
}

interface StatusChange {
  readonly detail: { readonly executionArn: string; readonly status: string };
}

/** An execution of a few states takes a second or two on AWS. */
const WITHIN = { timeout: 20_000 };

/** What Slipway relies on in Step Functions, wherever it runs. */
export function statesCases(name: string, connect: () => Promise<StatesTarget>): void {
  describe(`Step Functions: ${name}`, () => {
    let target: StatesTarget;
    let client: SFNClient;
    let statuses: CasesQueue;

    beforeAll(async () => {
      target = await connect();
      client = new SFNClient(target);
      statuses = new CasesQueue(target, target.statusesUrl);
    });
    afterAll(() => {
      client.destroy();
      statuses.close();
    });

    const start = async (input: unknown, more: object = {}) => {
      const { executionArn = '', startDate } = await client.send(
        new StartExecutionCommand({
          stateMachineArn: target.stateMachineArn,
          input: typeof input === 'string' ? input : JSON.stringify(input),
          ...more,
        }),
      );
      return { executionArn, startDate };
    };
    const look = (executionArn: string) =>
      client.send(new DescribeExecutionCommand({ executionArn }));
    /** Polls until the execution is over. */
    const over = async (executionArn: string): Promise<DescribeExecutionOutput> => {
      await expect.poll(async () => (await look(executionArn)).status, WITHIN).not.toBe('RUNNING');
      return look(executionArn);
    };
    const ended = async (input: unknown) => over((await start(input)).executionArn);
    const stop = (executionArn: string, more: object = {}) =>
      client.send(new StopExecutionCommand({ executionArn, ...more }));
    const typesOf = async (executionArn: string) => {
      const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
      return events.map(({ type }) => type);
    };
    /** Starts a task that waits for its token, and reads the token where the history shows it. */
    const asked = async (seconds = 300) => {
      const { executionArn } = await start({ do: 'ask', seconds });
      const submitted = async () => (await typesOf(executionArn)).includes('TaskSubmitted');
      await expect.poll(submitted, WITHIN).toBe(true);
      const { events = [] } = await client.send(new GetExecutionHistoryCommand({ executionArn }));
      const scheduled = events.find(({ type }) => type === 'TaskScheduled');
      const { Payload } = JSON.parse(scheduled?.taskScheduledEventDetails?.parameters ?? '{}');
      return { executionArn, taskToken: String(Payload.token) };
    };
    const succeed = (taskToken: string, output: string) =>
      client.send(new SendTaskSuccessCommand({ taskToken, output }));

    describe('an execution', () => {
      test('takes the first choice whose condition holds, with its output and variables', async () => {
        const { executionArn } = await start({ do: 'answer', n: 21 });
        expect(
          executionArn.startsWith(target.stateMachineArn.replace(':stateMachine:', ':execution:')),
        ).toBe(true);
        const told = await over(executionArn);
        expect(told).toMatchObject({
          executionArn,
          stateMachineArn: target.stateMachineArn,
          status: 'SUCCEEDED',
          input: '{"do":"answer","n":21}',
        });
        expect(JSON.parse(told.output ?? '')).toEqual({ doubled: 42, word: 'chosen' });
        expect(told.stopDate?.getTime()).toBeGreaterThanOrEqual(
          told.startDate?.getTime() ?? Infinity,
        );
      });

      test('waits as long as its input says', async () => {
        const { executionArn } = await start({ do: 'wait', seconds: 2 });
        const { startDate, stopDate, status } = await over(executionArn);
        expect(status).toBe('SUCCEEDED');
        expect(Number(stopDate) - Number(startDate)).toBeGreaterThan(1900);
      });

      test.each<[string, object, object]>([
        ['in its own words', { do: 'fail', n: 7 }, { error: 'Refused', cause: 'n is 7' }],
        ['when no choice holds', { do: 'nothing' }, { error: 'States.NoChoiceMatched' }],
        [
          'when an expression gives nothing',
          { do: 'miss' },
          {
            error: 'States.QueryEvaluationError',
            cause:
              "An error occurred while executing the state 'Miss' (entered at the event id #4). The JSONata expression '$states.input.missing' specified for the field 'Output/told' returned nothing (undefined).",
          },
        ],
        [
          'when an expression throws',
          { do: 'answer', n: 'x' },
          {
            error: 'States.QueryEvaluationError',
            cause: expect.stringContaining(
              "the field 'Output/doubled' threw an error during evaluation. T2001: ",
            ),
          },
        ],
      ])('fails %s', async (_, input, failure) => {
        const { output, ...told } = await ended(input);
        expect(told).toMatchObject({ status: 'FAILED', ...failure });
        expect(output).toBeUndefined();
      });

      test('is one for its name and input, as long as it runs', async () => {
        const once = { name: randomUUID() };
        const first = await start({ do: 'wait', seconds: 300 }, once);
        expect(await start({ do: 'wait', seconds: 300 }, once)).toEqual(first);
        const already = { name: 'ExecutionAlreadyExists' };
        await expect(start({ do: 'wait', seconds: 301 }, once)).rejects.toMatchObject(already);
        await stop(first.executionArn);
        await expect(start({ do: 'wait', seconds: 300 }, once)).rejects.toMatchObject(already);
      });

      test('is stopped with error and cause, and once', async () => {
        const { executionArn } = await start({ do: 'wait', seconds: 300 });
        await stop(executionArn, { error: 'Ended', cause: 'by ada' });
        const stopped = { status: 'ABORTED', error: 'Ended', cause: 'by ada' };
        expect(await over(executionArn)).toMatchObject(stopped);
        await stop(executionArn, { error: 'Again', cause: 'by bob' });
        expect(await look(executionArn)).toMatchObject(stopped);
      });
    });

    test('the default bus hears of an execution when it begins and when it ends', async () => {
      const { executionArn } = await start({ do: 'fail', n: 7 });
      const isOurs = (event: unknown) =>
        (event as StatusChange).detail.executionArn === executionArn;
      const statusOf = (event: unknown) => (event as StatusChange).detail.status;
      const heard = await statuses.takeUntil(
        (all) => new Set(all.filter(isOurs).map(statusOf)).size === 2,
      );
      const ours = heard.filter(isOurs);
      expect(new Set(ours.map(statusOf))).toEqual(new Set(['RUNNING', 'FAILED']));
      const { name: executionName, startDate, stopDate } = await look(executionArn);
      expect(ours.find((event) => statusOf(event) === 'FAILED')).toMatchObject({
        'detail-type': 'Step Functions Execution Status Change',
        source: 'aws.states',
        resources: [executionArn],
        detail: {
          executionArn,
          stateMachineArn: target.stateMachineArn,
          name: executionName,
          status: 'FAILED',
          startDate: startDate?.getTime(),
          stopDate: stopDate?.getTime(),
          input: '{"do":"fail","n":7}',
          output: null,
          error: 'Refused',
          cause: 'n is 7',
        },
      });
    });

    describe('a task', () => {
      test('hands its payload to the function and its answer on', async () => {
        const { status, output } = await ended({ do: 'call', payload: { a: [1, 'ü'] } });
        expect(status).toBe('SUCCEEDED');
        expect(JSON.parse(output ?? '')).toEqual({ a: [1, 'ü'] });
      });

      test.each([
        ['Busy', 2],
        ['Broken', 1],
      ])('whose function fails by %s is tried %i times and then caught', async (fail, attempts) => {
        const { executionArn, status, output } = await ended({ do: 'call', payload: { fail } });
        expect(status).toBe('SUCCEEDED');
        expect(JSON.parse(output ?? '')).toEqual({ caught: fail, said: 'on purpose' });
        const types = await typesOf(executionArn ?? '');
        expect(types.filter((type) => type === 'TaskFailed')).toHaveLength(attempts);
      });

      test('goes on with what its token brings, once', async () => {
        const { executionArn, taskToken } = await asked();
        await expect(succeed(taskToken, 'no JSON')).rejects.toMatchObject({
          name: 'InvalidOutput',
        });
        await succeed(taskToken, '{"approvedBy":"ada"}');
        const { status, output } = await over(executionArn);
        expect([status, output]).toEqual(['SUCCEEDED', '{"approvedBy":"ada"}']);
        const late = { name: 'TaskTimedOut' };
        await expect(succeed(taskToken, '{}')).rejects.toMatchObject(late);
        const failing = client.send(new SendTaskFailureCommand({ taskToken, error: 'Late' }));
        await expect(failing).rejects.toMatchObject(late);
      });

      test('fails by what its token brings', async () => {
        const { executionArn, taskToken } = await asked();
        const failure = { error: 'Refused', cause: 'by ada' };
        await client.send(new SendTaskFailureCommand({ taskToken, ...failure }));
        expect(await over(executionArn)).toMatchObject({ status: 'FAILED', ...failure });
      });

      test('whose token nobody uses times out, without a cause', async () => {
        const { executionArn, taskToken } = await asked(3);
        const { status, error, cause } = await over(executionArn);
        expect({ status, error, cause }).toEqual({ status: 'FAILED', error: 'States.Timeout' });
        await expect(succeed(taskToken, '{}')).rejects.toMatchObject({ name: 'TaskTimedOut' });
      });
    });

    const notThere = () => target.stateMachineArn.replace(/[^:]+$/, 'is-not-there');
    const executionOf = (machineArn: string) =>
      `${machineArn.replace(':stateMachine:', ':execution:')}:is-not-there`;
    test.each<[string, () => Promise<unknown>, string | RegExp]>([
      ['input that is no JSON', () => start('not JSON'), 'InvalidExecutionInput'],
      ['empty input', () => start(''), 'InvalidExecutionInput'],
      [
        'more than 256 KiB of input',
        () => start({ do: 'answer', n: 'x'.repeat(262_144) }),
        // Nothing says which.
        /^(ValidationException|InvalidExecutionInput)$/,
      ],
      ['a name with a space', () => start({}, { name: 'a b' }), 'InvalidName'],
      ['a name with a slash', () => start({}, { name: 'a/b' }), 'InvalidName'],
      ['a name of 81 letters', () => start({}, { name: 'n'.repeat(81) }), 'ValidationException'],
      ['what is no ARN', () => start({}, { stateMachineArn: 'machine' }), 'InvalidArn'],
      [
        'a machine that is not there',
        () => start({}, { stateMachineArn: notThere() }),
        'StateMachineDoesNotExist',
      ],
      [
        'to tell of an execution that is not there',
        () => look(executionOf(target.stateMachineArn)),
        'ExecutionDoesNotExist',
      ],
      [
        'to stop an execution that is not there',
        () => stop(executionOf(target.stateMachineArn)),
        'ExecutionDoesNotExist',
      ],
      ['to tell of what is no ARN', () => look('execution'), 'InvalidArn'],
      ['a token that was never one', () => succeed('no-token', '{}'), 'InvalidToken'],
    ])('refuses %s', async (_, refused, code) => {
      await expect(refused()).rejects.toMatchObject({
        name: expect.stringMatching(code),
        $metadata: { httpStatusCode: 400 },
      });
    });
  });
}
