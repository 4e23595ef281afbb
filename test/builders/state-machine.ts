import { mkdtempSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Level } from 'level';
import { expect } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { StateMachines } from '../../infra/local/emulators/states-machines.ts';
import { type ExecutionRecord, StatesStore } from '../../infra/local/emulators/states-store.ts';
import type { Invoked } from '../../infra/local/emulators/states-task.ts';
import { until } from './running-stack.ts';

export const ARN = 'arn:aws:states:eu-west-1:123456789012:stateMachine:m';
export const HOUR_MS = 3_600_000;

export type States = Readonly<Record<string, object>>;
export type Invoke = (payload: unknown, functionName: string) => Invoked | Promise<Invoked>;

export const answered = (value: unknown): Invoked => ({
  kind: 'answered',
  payload: JSON.stringify(value),
});
export const failed = (errorType: string): Invoked => ({
  kind: 'failed',
  failure: { errorType, errorMessage: 'on purpose' },
});

export const task = (rest: object = {}) => ({
  Type: 'Task',
  Resource: 'arn:aws:states:::lambda:invoke',
  Arguments: { FunctionName: 'f', Payload: '{% $states.input %}' },
  Output: '{% $states.result.Payload %}',
  ...rest,
});
export const done = { Type: 'Succeed' };

const opened: (() => Promise<void>)[] = [];
/** For `afterEach`. */
export async function closeMachines(): Promise<void> {
  for (const close of opened.splice(0)) await close();
}

export async function machine(
  states: States,
  invoke: Invoke = (payload) => answered(payload),
  rest: { folder?: string; clock?: VirtualClock; TimeoutSeconds?: number } = {},
) {
  const {
    folder = mkdtempSync(join(tmpdir(), 'slipway-states-')),
    clock = new VirtualClock(0),
    ...definition
  } = rest;
  const level = new Level<string, unknown>(folder, { valueEncoding: 'json' });
  const store = new StatesStore(level);
  const statuses: string[] = [];
  const faults: unknown[] = [];
  const machines = new StateMachines({
    store,
    clock,
    retryPace: 0,
    invoke: async (_role, functionName, payload) => invoke(JSON.parse(payload), functionName),
    onStatus: async ({ status }) => void statuses.push(status),
    onFault: (fault) => void faults.push(fault),
  });
  await machines.open([
    {
      arn: ARN,
      name: 'm',
      roleArn: 'role',
      definition: JSON.stringify({
        QueryLanguage: 'JSONata',
        StartAt: Object.keys(states)[0],
        States: states,
        ...definition,
      }),
    },
  ]);
  const close = async () => {
    await machines.close();
    await level.close();
    expect(faults).toEqual([]);
  };
  opened.push(close);
  const ended = async (input: unknown = {}): Promise<ExecutionRecord> => {
    const { arn } = await machines.startExecution(ARN, input);
    await until(() => machines.execution(arn).status !== 'RUNNING');
    return machines.execution(arn);
  };
  return {
    machines,
    clock,
    folder,
    store,
    statuses,
    ended,
    close: () => close().finally(() => opened.pop()),
  };
}
