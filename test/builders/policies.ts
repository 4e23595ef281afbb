import type { Principal } from '../../infra/local/emulators/emulator.ts';
import { IAM_TYPES } from '../../infra/local/emulators/iam-types.ts';
import { createKms } from '../../infra/local/emulators/kms.ts';
import {
  type Authorizer,
  type ContextValues,
  createAuthorizer,
} from '../../infra/local/emulators/policy.ts';
import { type Declaration, declare, PLACE, roleArn } from './emulated-account.ts';

/** Who calls in tests of policies, unless they say otherwise. */
export const caller: Principal = { kind: 'role', arn: roleArn('r'), sessionName: 's' };

export type Statement = Readonly<Record<string, unknown>>;
export const allow = (
  Action: unknown,
  Resource: unknown = '*',
  more: Statement = {},
): Statement => ({
  Effect: 'Allow',
  Action,
  Resource,
  ...more,
});
export const deny = (
  Action: unknown,
  Resource: unknown = '*',
  more: Statement = {},
): Statement => ({
  ...allow(Action, Resource, more),
  Effect: 'Deny',
});

/** The role of `caller` with the given statements. */
export const holder = (...Statement: readonly Statement[]): Declaration => [
  'AWS::IAM::Role',
  'R',
  { RoleName: 'r', Policies: [{ PolicyDocument: { Statement } }] },
];
export const bucketPolicy = (...Statement: readonly Statement[]): Declaration => [
  'AWS::S3::BucketPolicy',
  'BP',
  { Bucket: 'b', PolicyDocument: { Statement } },
];

export function authorizerOf(...declarations: readonly Declaration[]): Authorizer {
  const types = { ...IAM_TYPES, ...createKms({ folder: '', place: PLACE }).types };
  const resources = declarations.map((declaration) => declare(declaration, types));
  return createAuthorizer(resources, PLACE);
}

/** Whether the template's policies let the caller do it. */
export function isAllowed(
  declarations: readonly Declaration[],
  action: string,
  resource: string,
  { principal = caller, context = {} }: { principal?: Principal; context?: ContextValues } = {},
): boolean {
  return (
    authorizerOf(...declarations).decide(principal, action, resource, context).kind === 'allowed'
  );
}
