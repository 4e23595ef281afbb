import type { EmulatedType } from './emulator.ts';
import { physicalName } from './physical-name.ts';

/** The CloudFormation types of IAM; the policies in them are what the authorizer reads. */
export const IAM_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::IAM::Role': {
    identify(declared, { account }) {
      const name = physicalName(declared, 'RoleName', 64);
      const arn = `arn:aws:iam::${account}:role/${name}`;
      return { ref: name, attributes: { Arn: arn, RoleId: name } };
    },
    honoured: ['ManagedPolicyArns', 'Policies', 'RoleName'],
    inert: {
      AssumeRolePolicyDocument: 'the runner gives each function the credentials of its role',
      Description: 'for people',
      Tags: 'nothing reads them',
    },
  },
  'AWS::IAM::Policy': {
    identify: (declared) => ({ ref: physicalName(declared, 'PolicyName', 128), attributes: {} }),
    honoured: ['PolicyDocument', 'PolicyName', 'Roles', 'Users'],
    inert: {},
  },
  'AWS::IAM::ManagedPolicy': {
    identify(declared, { account }) {
      const arn = `arn:aws:iam::${account}:policy/${physicalName(declared, 'ManagedPolicyName', 128)}`;
      return { ref: arn, attributes: { PolicyArn: arn } };
    },
    honoured: ['ManagedPolicyName', 'PolicyDocument', 'Roles', 'Users'],
    inert: { Description: 'for people', Path: 'names are unique without it' },
  },
};
