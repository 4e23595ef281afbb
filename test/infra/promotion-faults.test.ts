import { afterEach, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { ServiceError } from '../../infra/local/emulators/emulator.ts';
import { compileEventPattern } from '../../infra/local/emulators/event-pattern.ts';
import type { JsonObject } from '../../infra/local/emulators/json.ts';
import type { StateMachines } from '../../infra/local/emulators/states-machines.ts';
import type { Invoked } from '../../infra/local/emulators/states-task.ts';
import {
  PROMOTION_STEPS,
  type PromotionStep,
  promotionMachine,
} from '../../infra/promotion-machine.ts';
import { aModel, HOSTED_RUNTIME } from '../builders/model-spec.ts';
import { until } from '../builders/running-stack.ts';
import { ARN, answered, closeMachines, failed, machine } from '../builders/state-machine.ts';
import { synthesize } from '../builders/templates.ts';

afterEach(closeMachines);

const arnOf = (step: string): string => `arn:aws:lambda:eu-west-1:123456789012:function:${step}`;
const arns = Object.fromEntries(PROMOTION_STEPS.map((step) => [step, arnOf(step)])) as Record<
  PromotionStep,
  string
>;
const definitions = [deliveryTime, searchRanking, cardFraud].map((spec) =>
  promotionMachine(spec, arns, arnOf('trial')),
);
/** A team's machine that has the step. */
function machineWith(step: PromotionStep) {
  const found = definitions.find(({ States }) =>
    JSON.stringify(States).includes(`"${arns[step]}"`),
  );
  if (!found) throw new Error(`nobody has a ${step}`);
  return found;
}

/**
 * Runs a whole promotion on a clock that passes over its waits, with an approval as soon as it is asked.
 * @param answer of a step, called for the n-th time from 1 on; PASS without.
 */
async function run(
  definition: (typeof definitions)[number],
  answer: (step: string, call: number) => Invoked | undefined,
) {
  const calls = new Map<string, number>();
  const concluded: unknown[] = [];
  const { States, TimeoutSeconds } = definition;
  const invoke = (payload: unknown, functionName: string): Invoked => {
    const step = functionName.split(':').at(-1) ?? '';
    const call = (calls.get(step) ?? 0) + 1;
    calls.set(step, call);
    const given = answer(step, call);
    if (step === 'conclude' && !given) concluded.push(payload);
    return given ?? answered({ verdict: 'PASS', reason: 'fine' });
  };
  const { machines, clock } = await machine(States, invoke, { TimeoutSeconds });
  const { arn } = await machines.startExecution(ARN, { model: 'm', promotion: 'm-p1' }, 'm-p1');
  await until(() => {
    const { status, cursor } = machines.execution(arn);
    const { phase } = cursor;
    if (phase.kind === 'waiting') clock.advance(Math.max(phase.untilMs - clock.nowMs(), 0));
    if (phase.kind === 'token' && isAwaited(machines, phase.token))
      machines.settleToken(phase.token, { output: { verdict: 'PASS', reason: 'ada approved' } });
    return status !== 'RUNNING';
  });
  return { execution: machines.execution(arn), concluded, calls };
}

/** A task hands its token out a moment before it waits for it. */
function isAwaited(machines: StateMachines, token: string): boolean {
  try {
    return machines.machineOfToken(token) === ARN;
  } catch (error) {
    if (error instanceof ServiceError && error.code === 'TaskTimedOut') return false;
    throw error;
  }
}

const faults: readonly (readonly [string, Invoked, string])[] = [
  ['throws', failed('TypeError'), 'TypeError'],
  ['times out', failed('Sandbox.Timedout'), 'Sandbox.Timedout'],
  [
    'is throttled',
    { kind: 'refused', code: 'TooManyRequestsException', message: 'slow down' },
    'Lambda.TooManyRequestsException',
  ],
];
const moving = PROMOTION_STEPS.filter((step) => step !== 'conclude');

describe.each(faults)('a step that %s', (_, fault, error) => {
  test.each(moving)('for good takes the promotion back, with the error: %s', async (step) => {
    const { execution, concluded, calls } = await run(machineWith(step), (asked) =>
      asked === step ? fault : undefined,
    );
    expect(execution.status).toBe('SUCCEEDED');
    expect(concluded).toEqual([
      expect.objectContaining({
        promotion: 'm-p1',
        ending: 'rolled-back',
        reason: expect.stringContaining(`${error}: `),
      }),
    ]);
    expect(calls.get(step)).toBe(7);
  });

  test.each(PROMOTION_STEPS)('six times and then answers changes nothing: %s', async (step) => {
    const { execution, concluded } = await run(machineWith(step), (asked, call) =>
      asked === step && call <= 6 ? fault : undefined,
    );
    expect(execution.status).toBe('SUCCEEDED');
    expect(concluded).toMatchObject([{ ending: 'promoted' }]);
  });
});

test('a step whose endpoint is being made is asked again until it is there', async () => {
  const hosted = aModel('hosted', {
    runtime: HOSTED_RUNTIME,
    promotion: deliveryTime.promotion,
  });
  const preparing = ['smoke-test', 'open-place', 'crown'];
  const { concluded, calls } = await run(
    promotionMachine(hosted, arns, arnOf('trial')),
    (step, call) =>
      preparing.includes(step) && call <= 20
        ? answered({ verdict: 'PREPARING', reason: 'the endpoint is being made' })
        : undefined,
  );
  expect(concluded).toMatchObject([{ ending: 'promoted' }]);
  expect(preparing.map((step) => (calls.get(step) ?? 0) > 20)).toEqual([true, true, true]);
});

test('an ending that cannot be written fails the execution, whose rule then ends the promotion', async () => {
  const { execution, concluded } = await run(machineWith('look'), (asked) =>
    asked === 'conclude' ? failed('ProvisionedThroughputExceededException') : undefined,
  );
  expect(execution.status).toBe('FAILED');
  expect(concluded).toEqual([]);
  using app = synthesize([aModel('m')]);
  const rule = app.of('AWS::Events::Rule').find(({ name }) => name.includes('OnExecutionEnded'));
  const pattern = JSON.parse(
    JSON.stringify(rule?.properties['EventPattern']).replaceAll('<AWS::AccountId>', '1'),
  ) as JsonObject;
  const stateMachineArn = 'arn:aws:states:us-east-1:1:stateMachine:slipway-main-promote-m';
  const rings = (status: string) =>
    compileEventPattern(pattern)({
      source: 'aws.states',
      'detail-type': 'Step Functions Execution Status Change',
      detail: { status, stateMachineArn },
    });
  expect(
    ['RUNNING', 'SUCCEEDED', 'FAILED', 'TIMED_OUT', 'ABORTED'].filter((status) => rings(status)),
  ).toEqual(['FAILED', 'TIMED_OUT', 'ABORTED']);
});
