import type { EmulatedType } from './emulator.ts';
import { busName, DEFAULT_BUS } from './event-rules.ts';
import { physicalName } from './physical-name.ts';

/** The CloudFormation types of EventBridge. */
export const EVENTS_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::Events::EventBus': {
    identify(declared, { account, region }) {
      const name = physicalName(declared, 'Name', 256);
      const arn = `arn:aws:events:${region}:${account}:event-bus/${name}`;
      return { ref: name, attributes: { Arn: arn, Name: name } };
    },
    honoured: ['Name'],
    inert: {
      Description: 'for people',
      DeadLetterConfig: 'events are matched here before they are acknowledged',
      KmsKeyIdentifier: 'EventBridge itself uses the key; no caller needs a permission',
      Tags: 'nothing reads them',
    },
  },
  'AWS::Events::EventBusPolicy': {
    identify: (declared) => ({ ref: physicalName(declared, 'StatementId', 64), attributes: {} }),
    honoured: ['EventBusName', 'Statement', 'StatementId'],
    inert: {},
  },
  'AWS::Events::Rule': {
    identify(declared, { account, region }) {
      const name = physicalName(declared, 'Name', 64);
      const bus = declared.properties['EventBusName'];
      // A reference is not resolved yet; the name of the rule alone is unique here.
      const on = typeof bus === 'string' && busName(bus) !== DEFAULT_BUS ? `${busName(bus)}/` : '';
      const arn = `arn:aws:events:${region}:${account}:rule/${on}${name}`;
      return { ref: name, attributes: { Arn: arn, Name: name } };
    },
    honoured: ['EventBusName', 'EventPattern', 'Name', 'ScheduleExpression', 'State', 'Targets'],
    inert: { Description: 'for people', Tags: 'nothing reads them' },
  },
  'AWS::Events::Archive': {
    identify(declared, { account, region }) {
      const name = physicalName(declared, 'ArchiveName', 48);
      const arn = `arn:aws:events:${region}:${account}:archive/${name}`;
      return { ref: name, attributes: { Arn: arn, ArchiveName: name } };
    },
    honoured: ['ArchiveName', 'EventPattern', 'SourceArn'],
    inert: {
      Description: 'for people',
      KmsKeyIdentifier: 'what it encrypts never leaves this machine',
      RetentionDays: 'the state folder is a person’s to delete',
    },
  },
};
