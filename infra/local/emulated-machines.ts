import { randomUUID } from 'node:crypto';
import type { Clock } from './clock.ts';
import type { StateMachines } from './emulators/deliveries.ts';
import type { Place } from './emulators/emulator.ts';
import { ServiceError } from './emulators/emulator.ts';
import type { Events } from './emulators/events.ts';
import type { LambdaEmulator } from './emulators/lambda.ts';
import type { Authorizer } from './emulators/policy.ts';
import { StatesEmulator } from './emulators/states.ts';
import type { ExecutionRecord } from './emulators/states-store.ts';
import type { Invoked } from './emulators/states-task.ts';

export interface MachinesOptions {
  readonly folder: string;
  readonly place: Place;
  readonly clock: Clock;
  readonly authorizer: () => Authorizer;
  readonly lambda: LambdaEmulator;
  readonly events: Events;
  readonly onFault: (fault: unknown) => void;
}

/** Step Functions that invokes the account's functions and tells its default bus. */
export function createStates(options: MachinesOptions): StatesEmulator {
  const { folder, place, clock, authorizer, lambda, events, onFault } = options;
  return new StatesEmulator({
    folder,
    clock,
    onFault,
    retryPace: 1,
    onStatus: (record) => events.putServiceEvent(statusEvent(record, place)),
    async invoke(roleArn, functionName, payload): Promise<Invoked> {
      const role = { kind: 'role', arn: roleArn, sessionName: 'states' } as const;
      try {
        return await lambda.invokeIn(role, authorizer(), functionName, payload);
      } catch (failure) {
        if (!(failure instanceof ServiceError)) throw failure;
        return { kind: 'refused', code: failure.code, message: failure.message };
      }
    },
  });
}

/** How services start executions: by text, and with a name of their own. */
export const executionStarter = (states: StatesEmulator): StateMachines => ({
  async startExecution(machineArn, input, name) {
    await states.machines.startExecution(machineArn, JSON.parse(input), name);
  },
});

/** https://docs.aws.amazon.com/step-functions/latest/dg/eventbridge-integration.html */
function statusEvent(record: ExecutionRecord, { account, region }: Place): object {
  const { arn, name, machineArn, input, output, status, startedMs, stoppedMs } = record;
  const included = { included: true };
  return {
    version: '0',
    id: randomUUID(),
    'detail-type': 'Step Functions Execution Status Change',
    source: 'aws.states',
    account,
    time: `${new Date(stoppedMs ?? startedMs).toISOString().slice(0, 19)}Z`,
    region,
    resources: [arn],
    detail: {
      executionArn: arn,
      stateMachineArn: machineArn,
      name,
      status,
      startDate: Math.floor(startedMs),
      stopDate: stoppedMs === undefined ? null : Math.floor(stoppedMs),
      input: JSON.stringify(input),
      output: output === undefined ? null : JSON.stringify(output),
      inputDetails: included,
      outputDetails: output === undefined ? null : included,
      error: record.error ?? null,
      cause: record.cause ?? null,
    },
  };
}
