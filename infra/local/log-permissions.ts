import type { Place, Principal, Resource } from './emulators/emulator.ts';
import { isRecord } from './emulators/json.ts';
import type { Authorizer } from './emulators/policy.ts';

/** The role of a function, in a session of its name. */
export const roleOf = (emulated: Resource | undefined): Principal & { readonly kind: 'role' } => ({
  kind: 'role',
  arn: String(emulated?.properties['Role']),
  sessionName: emulated?.ref ?? '',
});

/** Finds functions that may not write their log, which on AWS lose it in silence. @returns what to tell. */
export function missingLogPermissions(
  resources: readonly Resource[],
  authorizer: Authorizer,
  { region, account }: Place,
): readonly Error[] {
  return resources
    .filter(({ type }) => type === 'AWS::Lambda::Function')
    .flatMap((resource) => {
      const config = resource.properties['LoggingConfig'];
      const group = isRecord(config) ? String(config['LogGroup']) : `/aws/lambda/${resource.ref}`;
      const stream = `arn:aws:logs:${region}:${account}:log-group:${group}:log-stream:any`;
      const decision = authorizer.decide(roleOf(resource), 'logs:PutLogEvents', stream);
      if (decision.kind === 'allowed') return [];
      return [new Error(`${resource.path} may not write its log: ${decision.message}`)];
    });
}
