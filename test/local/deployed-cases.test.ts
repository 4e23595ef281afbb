import { afterAll, expect, test } from 'vitest';
import { deploy } from '../builders/deployed.ts';
import { eventSourceMappingCases } from '../cases/event-source-mapping.case.ts';
import { EVENT_SOURCE_MAPPING_TEMPLATE } from '../cases/event-source-mapping.template.ts';
import { eventsCases } from '../cases/events.case.ts';
import { EVENTS_TEMPLATE } from '../cases/events.template.ts';
import { lambdaCases } from '../cases/lambda.case.ts';
import { LAMBDA_TEMPLATE } from '../cases/lambda.template.ts';
import { logsCases } from '../cases/logs.case.ts';
import { LOGS_TEMPLATE } from '../cases/logs.template.ts';
import { schedulerCases } from '../cases/scheduler.case.ts';
import { SCHEDULER_TEMPLATE } from '../cases/scheduler.template.ts';
import { snsCases } from '../cases/sns.case.ts';
import { SNS_TEMPLATE } from '../cases/sns.template.ts';
import { statesCases } from '../cases/states.case.ts';
import { STATES_TEMPLATE } from '../cases/states.template.ts';

const templates = [
  STATES_TEMPLATE,
  EVENT_SOURCE_MAPPING_TEMPLATE,
  EVENTS_TEMPLATE,
  LOGS_TEMPLATE,
  LAMBDA_TEMPLATE,
  SNS_TEMPLATE,
];
const Resources = Object.assign({}, ...templates.map((each) => each.Resources));
const deployed = await deploy(Resources, 20);
afterAll(() => deployed[Symbol.asyncDispose]());
/** Whose minutes are short. */
const hasty = await deploy(SCHEDULER_TEMPLATE.Resources, 600);
afterAll(() => hasty[Symbol.asyncDispose]());

statesCases('emulator', async () => deployed.targetOf(STATES_TEMPLATE));
eventSourceMappingCases('emulator', async () => deployed.targetOf(EVENT_SOURCE_MAPPING_TEMPLATE));
eventsCases('emulator', async () => deployed.targetOf(EVENTS_TEMPLATE));
logsCases('emulator', async () => deployed.targetOf(LOGS_TEMPLATE));
lambdaCases('emulator', async () => deployed.targetOf(LAMBDA_TEMPLATE));
snsCases('emulator', async () => deployed.targetOf(SNS_TEMPLATE));
schedulerCases('emulator', async () => hasty.targetOf(SCHEDULER_TEMPLATE));

test('no case met a fault of the emulator', () =>
  expect([...deployed.faults, ...hasty.faults]).toEqual([]));
