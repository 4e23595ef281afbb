import { PolicyStatement } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';

/** What DynamoDB, S3, SQS and Step Functions do with a key in the name of those who write and read. */
const USES = [
  'Decrypt',
  'DescribeKey',
  'Encrypt',
  'GenerateDataKey',
  'ReEncryptFrom',
  'ReEncryptTo',
];

/** CDK's own grants name actions by patterns, which would include uses that do not exist yet. */
export const keyUse = (...keys: readonly IKey[]): PolicyStatement =>
  new PolicyStatement({
    actions: USES.map((use) => `kms:${use}`),
    resources: keys.map(({ keyArn }) => keyArn),
  });

export const grantKeyUse = (to: IFunction, ...keys: readonly IKey[]): void =>
  to.addToRolePolicy(keyUse(...keys));
