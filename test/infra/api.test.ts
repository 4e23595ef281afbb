import { afterAll, describe, expect, test } from 'vitest';
import { aModel } from '../builders/model-spec.ts';
import { objectOf, type Resource, synthesize, textOf } from '../builders/templates.ts';

const app = synthesize([aModel('m')]);
afterAll(() => app[Symbol.dispose]());

const pathParts = new Map(
  app
    .of('AWS::ApiGateway::Resource')
    .map(({ name, properties }) => [
      `<${name}>`,
      { parent: textOf(properties['ParentId']), part: textOf(properties['PathPart']) },
    ]),
);
function pathOf(resource: string): string {
  const found = pathParts.get(resource);
  return found ? `${pathOf(found.parent)}/${found.part}` : '';
}

const methods = app.of('AWS::ApiGateway::Method').map(({ properties }) => ({
  path: pathOf(textOf(properties['ResourceId'])),
  method: properties['HttpMethod'],
  admits:
    properties['AuthorizationType'] === 'AWS_IAM'
      ? 'IAM'
      : properties['ApiKeyRequired'] === true
        ? 'key'
        : 'everybody',
  target: /functions\/<(.+?)(\.Arn)?>/.exec(
    textOf(objectOf(properties['Integration'])['Uri']),
  )?.[1],
}));

test('every path has its function, and admits either keys or signatures', () => {
  const row = (path: string, admits: string, target: string) => ({
    path,
    method: 'ANY',
    admits,
    target,
  });
  const catalog = 'delivery/ServeCatalog';
  const operators = 'delivery/PromoteOperatorApi';
  expect(methods.toSorted((a, b) => (a.path < b.path ? -1 : 1))).toEqual([
    row('/openapi.json', 'key', catalog),
    row('/v1/datasets/{proxy+}', 'IAM', 'delivery/CurateDatasetApi'),
    row('/v1/models/m/{proxy+}', 'key', 'm/Server'),
    row('/v1/models/{model}/{proxy+}', 'key', catalog),
    row('/v1/outcomes', 'key', 'delivery/RecordOutcomes'),
    row('/v1/promotions/{proxy+}', 'IAM', operators),
    row('/v1/records/{proxy+}', 'IAM', 'delivery/RecordRecords'),
    row('/v1/routes/{proxy+}', 'IAM', operators),
    row('/v1/versions/{proxy+}', 'IAM', operators),
    row('/v2', 'key', catalog),
    row('/v2/health/{proxy+}', 'key', catalog),
    row('/v2/models', 'key', catalog),
    row('/v2/models/m', 'key', 'm/Server'),
    row('/v2/models/m/{proxy+}', 'key', 'm/Server'),
    row('/v2/models/{model}', 'key', catalog),
    row('/v2/models/{model}/{proxy+}', 'key', catalog),
  ]);
});

test('every path may invoke its function, through this API only', () => {
  const api = 'arn:aws:execute-api:us-east-1:<AWS::AccountId>:<delivery/ApiRest>';
  const admissions = app
    .of('AWS::Lambda::Permission')
    .filter(({ properties }) => properties['Principal'] === 'apigateway.amazonaws.com')
    .map(({ properties }) => ({
      target: textOf(properties['FunctionName']).replace(/^<|(\.Arn)?>$/g, ''),
      source: textOf(properties['SourceArn']),
    }));
  expect(admissions.filter(({ source }) => !source.startsWith(`${api}/`))).toEqual([]);
  const isAdmitted = ({ path, target }: (typeof methods)[number]) =>
    admissions.some(
      (admission) =>
        admission.target === target &&
        matches(admission.source.slice(api.length), `/main/GET${path}`),
    );
  expect(methods.filter((method) => !isAdmitted(method))).toEqual([]);
});

/** As IAM compares: `*` stands for anything. */
function matches(pattern: string, value: string): boolean {
  const literal = pattern.replaceAll(/[.+?^${}()|[\]\\]/g, String.raw`\$&`);
  return new RegExp(`^${literal.replaceAll('*', '.*')}$`).test(value);
}

test('the API is regional and passes bodies on as bytes', () => {
  expect(app.of('AWS::ApiGateway::RestApi').map(({ properties }) => properties)).toEqual([
    {
      Name: 'slipway-main',
      Description: expect.any(String),
      EndpointConfiguration: { Types: ['REGIONAL'] },
      BinaryMediaTypes: ['*/*'],
    },
  ]);
});

test('the stage is traced, measured, and logs every access in JSON under our key', () => {
  const [stage] = app.of('AWS::ApiGateway::Stage');
  const { DestinationArn, Format } = objectOf(stage?.properties['AccessLogSetting']);
  expect(stage?.properties).toMatchObject({
    TracingEnabled: true,
    MethodSettings: [
      { ResourcePath: '/*', HttpMethod: '*', MetricsEnabled: true, DataTraceEnabled: false },
    ],
  });
  expect(DestinationArn).toBe(
    'arn:aws:logs:us-east-1:<AWS::AccountId>:log-group:<delivery/ApiAccessLogs>',
  );
  expect(JSON.parse(textOf(Format))).toMatchObject({
    requestId: '$context.requestId',
    status: '$context.status',
  });
});

test('each caller has a key of a plan with a throttle and a quota', () => {
  const [plan] = app.of('AWS::ApiGateway::UsagePlan');
  expect(plan?.properties).toMatchObject({
    Throttle: { RateLimit: 1000, BurstLimit: 500 },
    Quota: { Limit: 10_000_000, Period: 'DAY' },
    ApiStages: [{ ApiId: '<delivery/ApiRest>', Stage: '<delivery/ApiRestDeploymentStagemain>' }],
  });
  expect(app.of('AWS::ApiGateway::UsagePlanKey').map(({ properties }) => properties)).toEqual([
    {
      KeyId: '<delivery/ApiRestKeyfirstcaller>',
      KeyType: 'API_KEY',
      UsagePlanId: `<${plan?.name}>`,
    },
  ]);
  expect(app.of('AWS::ApiGateway::ApiKey').map(({ properties }) => properties['Value'])).toEqual([
    undefined,
  ]);
});

describe("API Gateway's own refusals", () => {
  const refusals = app.of('AWS::ApiGateway::GatewayResponse');
  /** https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-mapping-template-reference.html */
  const substitute = (template: string): string =>
    template
      .replaceAll('$context.error.messageString', JSON.stringify('Forbidden "because"'))
      .replaceAll('$context.error.responseType', 'ACCESS_DENIED');
  const bodyOf = ({ properties }: Resource): unknown =>
    JSON.parse(substitute(textOf(objectOf(properties['ResponseTemplates'])['application/json'])));

  test.each(refusals)('$name has the error shape of the API', (refusal) => {
    expect(bodyOf(refusal)).toEqual({
      error: expect.stringMatching(/./),
      code: expect.stringMatching(/^[A-Z0-9_]+$/),
      details: [],
    });
  });

  test('cover every refusal: the usual ones in our words, the rest in its own', () => {
    expect(
      refusals.map(({ properties }) => [properties['ResponseType'], properties['StatusCode']]),
    ).toEqual([
      ['MISSING_AUTHENTICATION_TOKEN', '404'],
      ['INVALID_API_KEY', '403'],
      ['THROTTLED', '429'],
      ['QUOTA_EXCEEDED', '429'],
      ['REQUEST_TOO_LARGE', '413'],
      ['INTEGRATION_TIMEOUT', '504'],
      ['INTEGRATION_FAILURE', '502'],
      ['DEFAULT_4XX', undefined],
      ['DEFAULT_5XX', undefined],
    ]);
  });
});

test('a function URL, where a spec asks for one, takes signatures only', () => {
  using withUrl = synthesize([
    aModel('m', { runtime: { ...aModel().runtime, functionUrl: true } }),
  ]);
  expect(withUrl.of('AWS::Lambda::Url').map(({ properties }) => properties)).toEqual([
    { AuthType: 'AWS_IAM', TargetFunctionArn: '<m/Server.Arn>' },
  ]);
  expect(app.of('AWS::Lambda::Url')).toEqual([]);
});
