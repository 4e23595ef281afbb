import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { cloudWatchCases } from '../cases/cloudwatch.case.ts';
import { dynamoDbCases } from '../cases/dynamodb.case.ts';
import { dynamoDbTransactionCases } from '../cases/dynamodb-transactions.case.ts';
import { eventSourceMappingCases } from '../cases/event-source-mapping.case.ts';
import { eventsCases } from '../cases/events.case.ts';
import { firehoseCases } from '../cases/firehose.case.ts';
import { kmsCases } from '../cases/kms.case.ts';
import { lambdaCases } from '../cases/lambda.case.ts';
import { logsCases } from '../cases/logs.case.ts';
import { s3Cases } from '../cases/s3.case.ts';
import { s3UploadCases } from '../cases/s3-uploads.case.ts';
import { sageMakerCases } from '../cases/sagemaker.case.ts';
import { schedulerCases } from '../cases/scheduler.case.ts';
import { snsCases } from '../cases/sns.case.ts';
import { sqsCases } from '../cases/sqs.case.ts';
import { statesCases } from '../cases/states.case.ts';
import type { AwsTarget } from '../cases/target.ts';

/**
 * The contract suites against endpoints given by the environment, so that AWS itself, or another
 * emulator, can be checked: `SLIPWAY_CASES` names a JSON file of targets by suite, such as
 * `{"cloudwatch": {"region": "eu-west-1", "credentials": {…}}}`; a target without endpoint is AWS. What else a
 * target needs is said where its suite is; `node test/cases/print-template.ts` prints what can be deployed.
 */
const SUITES = {
  cloudwatch: cloudWatchCases,
  dynamodb: dynamoDbCases,
  'dynamodb-transactions': dynamoDbTransactionCases,
  'event-source-mapping': eventSourceMappingCases,
  events: eventsCases,
  firehose: firehoseCases,
  kms: kmsCases,
  lambda: lambdaCases,
  logs: logsCases,
  s3: s3Cases,
  's3-uploads': s3UploadCases,
  sagemaker: sageMakerCases,
  scheduler: schedulerCases,
  sns: snsCases,
  sqs: sqsCases,
  states: statesCases,
} satisfies Record<string, (name: string, connect: () => Promise<never>) => void>;

const file = process.env['SLIPWAY_CASES'];
const targets: Readonly<Record<string, AwsTarget>> =
  file === undefined ? {} : JSON.parse(readFileSync(file, 'utf8'));

test('every target that is given has a suite', () => {
  expect(Object.keys(SUITES)).toEqual(expect.arrayContaining(Object.keys(targets)));
});

for (const [name, run] of Object.entries(SUITES)) {
  const target = targets[name];
  if (target) run(target.endpoint ?? 'AWS', async () => target as never);
}
