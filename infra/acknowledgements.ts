import { Stack, Validations } from 'aws-cdk-lib/core';
import type { IConstruct } from 'constructs';

/**
 * Accepts one finding of cdk-nag's AwsSolutions for everything below `scope`, with the reason why it is
 * right here. cdk-nag compares whole ids, so a finding that names a resource accepts that resource only.
 */
export function acknowledge(scope: IConstruct, finding: string, reason: string): void {
  Validations.of(scope).acknowledge({ id: `AwsSolutions-${finding}`, reason });
}

/** The finding on a policy that names resources by a pattern, in cdk-nag's spelling of the ARN. */
export const patternFinding = (scope: IConstruct, arn: string): string =>
  `IAM5[Resource::${spell(Stack.of(scope).resolve(arn))}]`;

/** The same for a resource of another stack, which policies name by that stack's export. */
export const importedPatternFinding = (owner: Stack, arn: string, suffix: string): string =>
  `IAM5[Resource::${spell(owner.resolve(owner.exportValue(arn)))}${suffix}]`;

/** `arn:<AWS::Partition>:…` */
function spell(value: unknown): string {
  if (typeof value !== 'object' || value === null) return String(value);
  const [[name, argument] = ['', '']] = Object.entries(value);
  switch (name) {
    case 'Ref':
      return `<${argument}>`;
    case 'Fn::ImportValue':
      return spell(argument);
    case 'Fn::GetAtt':
      return `<${argument.join('.')}>`;
    case 'Fn::Join':
      return argument[1].map(spell).join(argument[0]);
    default:
      throw new Error(`cdk-nag's spelling of ${name} is not known here`);
  }
}
