import { Validations } from 'aws-cdk-lib/core';
import { AwsSolutionsChecks } from 'cdk-nag';
import { expect, test, vi } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { readModelSpecs } from '../../infra/model-specs.ts';
import { buildApp } from '../builders/assembly.ts';
import { aModel } from '../builders/model-spec.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const hosted: ModelSpec = aModel('hosted', {
  runtime: {
    kind: 'sagemaker',
    memoryMb: 512,
    timeoutSeconds: 28,
    reservedConcurrency: 1,
    provisionedConcurrency: 1,
    functionUrl: true,
    image: '123456789012.dkr.ecr.us-east-1.amazonaws.com/triton:26.07',
    hosting: { kind: 'instance', instanceType: 'ml.m7i.large', instances: 1 },
  },
});
const specs = [...(await readModelSpecs()), hosted];

/** Findings as `id on construct`, after references between stacks have been written out. */
async function findings(): Promise<string[]> {
  await using made = await temporaryFolder();
  const { app } = buildApp(specs, made.folder);
  app.synth();
  return new AwsSolutionsChecks()
    .validateScope(app)
    .violations.flatMap(({ ruleName, violatingResources }) =>
      violatingResources.map(({ constructPath }) => `${ruleName} on ${constructPath}`),
    );
}

test('cdk-nag finds nothing that has no reason', async () => {
  expect(await findings()).toEqual([]);
});

test('every reason is written out, and is about something that cdk-nag finds', async () => {
  // Given back here: the next file may synthesize while it is loaded, before its first test restores mocks.
  using spy = vi.spyOn(Validations.prototype, 'acknowledge').mockReturnValue();
  const found = new Set((await findings()).map((finding) => finding.split(' on ')[0]));
  const acknowledged = spy.mock.calls.flat();
  expect(acknowledged.filter(({ id }) => !found.has(id))).toEqual([]);
  expect(acknowledged.filter(({ reason }) => !/^[A-Z].{30,}\.$/.test(reason ?? ''))).toEqual([]);
});
