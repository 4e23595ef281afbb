import * as z from 'zod';
import { type Operation, parseInput } from './aws-json.ts';
import type { Call } from './emulator.ts';
import { ServiceError } from './emulator.ts';
import { StatesError } from './states-error.ts';
import type { StateMachines } from './states-machines.ts';
import type { ExecutionRecord, HistoryEvent } from './states-store.ts';

/** Step Functions takes no larger JSON; it counts bytes of UTF-8. */
const DATA_BYTES = 262_144;
const NAME = /^[^\s<>{}[\]?*"#%\\^|~`$&,;:/\p{Cc}]+$/u;

const Name = z.string().min(1).max(80);
const Arn = z.string().min(1).max(256);
const Token = z.string().min(1).max(2048);
const Data = z.string().refine((text) => Buffer.byteLength(text) <= DATA_BYTES, {
  error: `Member must have length less than or equal to ${DATA_BYTES}`,
});
const page = {
  maxResults: z.int().min(0).max(1000).optional(),
  nextToken: z.string().optional(),
};

const StartExecution = z.object({
  stateMachineArn: Arn,
  name: Name.optional(),
  input: Data.default('{}'),
  traceHeader: z.string().optional(),
});
const ByExecution = z.object({ executionArn: Arn });
const StopExecution = z.object({
  executionArn: Arn,
  error: z.string().max(256).optional(),
  cause: z.string().max(32_768).optional(),
});
const ListExecutions = z.object({
  stateMachineArn: Arn,
  statusFilter: z.enum(['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED']).optional(),
  ...page,
});
const GetExecutionHistory = z.object({
  executionArn: Arn,
  reverseOrder: z.boolean().default(false),
  includeExecutionData: z.boolean().default(true),
  ...page,
});
const Success = z.object({ taskToken: Token, output: Data });
const Failure = z.object({
  taskToken: Token,
  error: z.string().max(256).default(''),
  cause: z.string().max(32_768).default(''),
});

/** Whole milliseconds, as the events of the bus say them. */
const epochSeconds = (ms: number): number => Math.floor(ms) / 1000;
const text = (value: unknown): string => JSON.stringify(value);

const summaryOf = ({ arn, machineArn, name, status, startedMs, stoppedMs }: ExecutionRecord) => ({
  executionArn: arn,
  stateMachineArn: machineArn,
  name,
  status,
  startDate: epochSeconds(startedMs),
  ...(stoppedMs !== undefined && { stopDate: epochSeconds(stoppedMs) }),
});

const describe = (record: ExecutionRecord) => ({
  ...summaryOf(record),
  input: text(record.input),
  inputDetails: { included: true },
  ...(record.output !== undefined && {
    output: text(record.output),
    outputDetails: { included: true },
  }),
  ...(record.error !== undefined && { error: record.error }),
  ...(record.cause !== undefined && { cause: record.cause }),
});

/** Members that Step Functions shows as JSON text. */
const AS_TEXT = ['input', 'output', 'parameters'];

const eventOf = ({ id, previousEventId, timestampMs, type, details }: HistoryEvent) => ({
  id,
  previousEventId,
  timestamp: epochSeconds(timestampMs),
  type,
  ...(details && {
    [details.member]: Object.fromEntries(
      Object.entries(details.value).map(([name, value]) => [
        name,
        AS_TEXT.includes(name) ? text(value) : value,
      ]),
    ),
  }),
});

/** A page of a list by position; the token is the position. */
function pageOf<Item>(
  items: readonly Item[],
  {
    maxResults = 100,
    nextToken = '0',
  }: { maxResults?: number | undefined; nextToken?: string | undefined },
) {
  const from = Number(nextToken);
  if (!Number.isInteger(from) || from < 0)
    throw new ServiceError(400, 'InvalidToken', 'The provided token is not one this API gave.');
  const end = from + (maxResults === 0 ? 100 : maxResults);
  return {
    items: items.slice(from, end),
    ...(end < items.length && { nextToken: String(end) }),
  };
}

function parseJson(value: string, code: string, what: string): unknown {
  try {
    return JSON.parse(value) as unknown;
  } catch (cause) {
    throw new ServiceError(400, code, `Invalid ${what}: '${String(cause)}'`);
  }
}

function checkName(name: string): void {
  if (!NAME.test(name)) throw new ServiceError(400, 'InvalidName', `Invalid Name: '${name}'`);
}

/** Whether it is there is another question. */
function checkArn(arn: string, resourceType: 'stateMachine' | 'execution'): void {
  const [prefix, , service, , , type, name] = arn.split(':');
  const problem =
    prefix !== 'arn'
      ? `Invalid ARN prefix: ${arn}`
      : service !== 'states' || type !== resourceType || !name
        ? `Resource type not valid in this context: ${type ?? arn}`
        : undefined;
  if (problem !== undefined) throw new ServiceError(400, 'InvalidArn', `Invalid Arn: '${problem}'`);
}

/** The operations that functions and operators here use. */
export const statesOperations = (machines: StateMachines): Readonly<Record<string, Operation>> => ({
  ...executionOperations(machines),
  ...tokenOperations(machines),
});

function executionOperations(machines: StateMachines): Record<string, Operation> {
  const find = (call: Call, action: string, arn: string): ExecutionRecord => {
    checkArn(arn, 'execution');
    call.authorize(`states:${action}`, arn);
    return machines.execution(arn);
  };
  return {
    async StartExecution(input, call) {
      const asked = parseInput(StartExecution, input);
      checkArn(asked.stateMachineArn, 'stateMachine');
      call.authorize('states:StartExecution', asked.stateMachineArn);
      if (asked.name !== undefined) checkName(asked.name);
      const what = 'State Machine Execution Input';
      const data = parseJson(asked.input, 'InvalidExecutionInput', what);
      const record = await machines.startExecution(asked.stateMachineArn, data, asked.name);
      return { executionArn: record.arn, startDate: epochSeconds(record.startedMs) };
    },
    async StopExecution(input, call) {
      const { executionArn, error, cause } = parseInput(StopExecution, input);
      const { arn } = find(call, 'StopExecution', executionArn);
      const stoppedMs = await machines.stopExecution(arn, error, cause);
      return { stopDate: epochSeconds(stoppedMs) };
    },
    async DescribeExecution(input, call) {
      const { executionArn } = parseInput(ByExecution, input);
      return describe(find(call, 'DescribeExecution', executionArn));
    },
    async ListExecutions(input, call) {
      const asked = parseInput(ListExecutions, input);
      checkArn(asked.stateMachineArn, 'stateMachine');
      call.authorize('states:ListExecutions', asked.stateMachineArn);
      const listed = machines
        .executionsOf(asked.stateMachineArn)
        .filter(({ status }) => !asked.statusFilter || status === asked.statusFilter)
        .toSorted((one, other) => other.startedMs - one.startedMs);
      const { items, ...rest } = pageOf(listed, asked);
      return { executions: items.map(summaryOf), ...rest };
    },
    async GetExecutionHistory(input, call) {
      const asked = parseInput(GetExecutionHistory, input);
      const { arn } = find(call, 'GetExecutionHistory', asked.executionArn);
      const events = await machines.history(arn);
      const { items, ...rest } = pageOf(asked.reverseOrder ? events.toReversed() : events, asked);
      return { events: items.map(eventOf), ...rest };
    },
  };
}

function tokenOperations(machines: StateMachines): Record<string, Operation> {
  const authorizeToken = (call: Call, action: string, token: string): void =>
    call.authorize(`states:${action}`, machines.machineOfToken(token));
  return {
    async SendTaskSuccess(input, call) {
      const { taskToken, output } = parseInput(Success, input);
      authorizeToken(call, 'SendTaskSuccess', taskToken);
      machines.settleToken(taskToken, { output: parseJson(output, 'InvalidOutput', 'Output') });
      return {};
    },
    async SendTaskFailure(input, call) {
      const { taskToken, error, cause } = parseInput(Failure, input);
      authorizeToken(call, 'SendTaskFailure', taskToken);
      machines.settleToken(taskToken, { failure: new StatesError(error, cause) });
      return {};
    },
    async SendTaskHeartbeat(input, call) {
      const { taskToken } = parseInput(z.object({ taskToken: Token }), input);
      authorizeToken(call, 'SendTaskHeartbeat', taskToken);
      machines.beat(taskToken);
      return {};
    },
  };
}
