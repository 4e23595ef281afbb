import { afterAll, expect, test } from 'vitest';
import { deploy } from '../builders/deployed.ts';
import { statesCases } from '../cases/states.case.ts';
import { STATES_TEMPLATE } from '../cases/states.template.ts';

const deployed = await deploy(STATES_TEMPLATE, 20);
afterAll(() => deployed[Symbol.asyncDispose]());

statesCases('emulator', async () => ({
  ...deployed.target,
  stateMachineArn: deployed.ref('Machine'),
}));

test('no case met a fault of the emulator', () => expect(deployed.faults).toEqual([]));
