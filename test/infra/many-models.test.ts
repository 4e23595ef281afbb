import { afterAll, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { objectOf, synthesize } from '../builders/templates.ts';

/** https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html */
const CLOUDFORMATION = {
  templateBytes: 1_000_000,
  resources: 500,
  outputs: 200,
  parameters: 200,
  logicalIdCharacters: 255,
  /** Of a stack and all stacks nested in it. */
  resourcesOfOneOperation: 2_500,
};
/** https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html */
const API_GATEWAY_RESOURCES = 300;
/** https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html */
const LAMBDA = { environmentBytes: 4_096, descriptionCharacters: 256, policyBytes: 20_480 };

/** Names as long as they may be, and every setting that adds a resource. */
const models = Array.from({ length: 30 }, (_, at) => {
  const name = `model-${at}-`.padEnd(40, 'x');
  const { runtime } = aModel();
  return aModel(name, {
    runtime: { ...runtime, functionUrl: true, provisionedConcurrency: 1, reservedConcurrency: 2 },
  });
});
const app = synthesize(models);
afterAll(() => app[Symbol.dispose]());

test('thirty models fit the templates that CloudFormation takes', () => {
  const tooLarge = app.templates.filter(
    ({ body, counts }) =>
      Buffer.byteLength(body) > CLOUDFORMATION.templateBytes ||
      counts.Resources > CLOUDFORMATION.resources ||
      counts.Outputs > CLOUDFORMATION.outputs ||
      counts.Parameters > CLOUDFORMATION.parameters,
  );
  expect(tooLarge.map(({ name, counts }) => ({ name, counts }))).toEqual([]);
  expect(app.resources.length).toBeLessThan(CLOUDFORMATION.resourcesOfOneOperation);
});

test('logical ids and names of exports stay within their length', () => {
  const names = app.templates.flatMap((template) => template.names);
  expect(names.filter(({ length }) => length > CLOUDFORMATION.logicalIdCharacters)).toEqual([]);
});

test('the paths of thirty models fit one REST API', () => {
  expect(app.of('AWS::ApiGateway::Resource').length).toBeLessThan(API_GATEWAY_RESOURCES);
});

test('every function takes its environment, description and admissions', () => {
  const admissions = Map.groupBy(app.of('AWS::Lambda::Permission'), ({ properties }) =>
    JSON.stringify(properties['FunctionName']),
  );
  for (const { name, properties } of app.of('AWS::Lambda::Function')) {
    const variables = JSON.stringify(objectOf(properties['Environment'])['Variables'] ?? {});
    const policy = admissions.get(`"<${name}.Arn>"`) ?? [];
    expect({
      name,
      environment: variables.length < LAMBDA.environmentBytes,
      description: JSON.stringify(properties['Description']).length < LAMBDA.descriptionCharacters,
      policy: JSON.stringify(policy).length < LAMBDA.policyBytes,
    }).toEqual({ name, environment: true, description: true, policy: true });
  }
});
