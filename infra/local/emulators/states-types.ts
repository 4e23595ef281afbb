import type { EmulatedType, Place } from './emulator.ts';
import { physicalName } from './physical-name.ts';

const machineArn = (name: string, { account, region }: Place): string =>
  `arn:aws:states:${region}:${account}:stateMachine:${name}`;

/** `…:execution:<machine>:<name>` of a machine's ARN. */
export const executionArn = (machine: string, name: string): string =>
  `${machine.replace(':stateMachine:', ':execution:')}:${name}`;

const STATE_MACHINE: EmulatedType = {
  identify(declared, place) {
    const name = physicalName(declared, 'StateMachineName', 80);
    const arn = machineArn(name, place);
    return { ref: arn, attributes: { Arn: arn, Name: name, StateMachineRevisionId: 'INITIAL' } };
  },
  honoured: ['DefinitionString', 'RoleArn', 'StateMachineName', 'StateMachineType'],
  inert: {
    LoggingConfiguration: 'the history of an execution holds everything its log would',
    EncryptionConfiguration: 'the state folder is this person’s own',
    TracingConfiguration: 'there is no X-Ray here',
    Tags: 'nothing reads them',
  },
};

/** The CloudFormation types of Step Functions. */
export const STATES_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::StepFunctions::StateMachine': STATE_MACHINE,
};
