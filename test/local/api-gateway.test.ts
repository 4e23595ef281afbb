import { describe, expect, test } from 'vitest';
import { VirtualClock } from '../../infra/local/clock.ts';
import { UsagePlans } from '../../infra/local/emulators/api-gateway-plans.ts';
import { Refusals } from '../../infra/local/emulators/api-gateway-refusals.ts';
import { ApiRoutes } from '../../infra/local/emulators/api-gateway-routes.ts';
import type { Resource } from '../../infra/local/emulators/emulator.ts';

const resource = (
  type: string,
  ref: string,
  properties: Resource['properties'],
  attributes: Resource['attributes'] = {},
): Resource => ({
  stack: 's',
  logicalId: ref,
  path: ref,
  type: `AWS::ApiGateway::${type}`,
  ref,
  attributes,
  properties,
});

const api = resource('RestApi', 'api', {}, { RootResourceId: 'root' });
const path = (ref: string, ParentId: string, PathPart: string) =>
  resource('Resource', ref, { RestApiId: 'api', ParentId, PathPart });
const method = (ResourceId: string, name: string) =>
  resource('Method', `${ResourceId}-${name}`, {
    RestApiId: 'api',
    ResourceId,
    HttpMethod: 'ANY',
    Integration: {
      Type: 'AWS_PROXY',
      Uri: `arn:aws:apigateway:us-east-1:lambda:path/2015-03-31/functions/arn:aws:lambda:us-east-1:0:function:${name}/invocations`,
    },
  });

describe('paths', () => {
  const routes = new ApiRoutes(api, [
    path('models', 'root', 'models'),
    path('one', 'models', 'delivery-time'),
    path('oneAny', 'one', '{proxy+}'),
    path('any', 'models', '{model}'),
    path('anyAny', 'any', '{proxy+}'),
    method('one', 'one'),
    method('oneAny', 'one-any'),
    method('anyAny', 'unknown'),
  ]);
  const found = (text: string) => {
    const match = routes.find('GET', text.split('/'));
    return match && [match.method.functionArn.split(':').at(-1), match.pathParameters];
  };

  test.each<[string, unknown]>([
    ['models/delivery-time', ['one', {}]],
    ['models/delivery-time/infer', ['one-any', { proxy: 'infer' }]],
    ['models/delivery-time/versions/1/infer', ['one-any', { proxy: 'versions/1/infer' }]],
    ['models/other/infer', ['unknown', { model: 'other', proxy: 'infer' }]],
    ['models/other', undefined],
    ['nowhere', undefined],
  ])('%s', (text, expected) => {
    expect(found(text)).toEqual(expected);
  });

  test('an integration that is not a Lambda proxy is refused at the start', () => {
    expect(
      () =>
        new ApiRoutes(api, [
          path('x', 'root', 'x'),
          resource('Method', 'm', {
            RestApiId: 'api',
            ResourceId: 'x',
            HttpMethod: 'GET',
            Integration: { Type: 'MOCK' },
          }),
        ]),
    ).toThrow(/only Lambda proxy integrations/);
  });
});

describe('usage plans', () => {
  const plansOf = (Throttle: object, Quota: object) => {
    const clock = new VirtualClock(0);
    const resources = [
      resource('UsagePlan', 'plan', { Throttle, Quota }),
      resource('UsagePlanKey', 'tie', { KeyId: 'key', UsagePlanId: 'plan' }),
    ];
    const plans = new UsagePlans(resources, 'secret', clock);
    return { clock, admit: () => plans.admit(plans.keyValues[0]).kind, plans };
  };

  test('throttle above the burst', () => {
    const { admit } = plansOf({ RateLimit: 0.001, BurstLimit: 2 }, { Limit: 100 });
    expect([admit(), admit(), admit()]).toEqual(['admitted', 'admitted', 'throttled']);
  });

  test('count a quota by the day', () => {
    const { admit, clock } = plansOf({ RateLimit: 1000, BurstLimit: 1000 }, { Limit: 1 });
    expect([admit(), admit()]).toEqual(['admitted', 'quota-exceeded']);
    clock.advance(86_400_000);
    expect(admit()).toBe('admitted');
  });

  test('know no key that the template does not have', () => {
    expect(plansOf({}, {}).plans.admit('made-up').kind).toBe('unknown-key');
  });
});

describe('gateway responses', () => {
  const refusals = new Refusals([
    resource('GatewayResponse', 'a', {
      ResponseType: 'THROTTLED',
      StatusCode: '429',
      ResponseTemplates: { 'application/json': '{"error":"slower"}' },
    }),
    resource('GatewayResponse', 'b', {
      ResponseType: 'DEFAULT_4XX',
      ResponseTemplates: {
        'application/json':
          '{"error":$context.error.messageString,"code":"$context.error.responseType"}',
      },
    }),
  ]);

  test('are the template’s, the default’s, or API Gateway’s own', () => {
    expect(refusals.render('THROTTLED')).toEqual({ status: 429, body: '{"error":"slower"}' });
    expect(refusals.render('ACCESS_DENIED', 'say "no"')).toEqual({
      status: 403,
      body: '{"error":"say \\"no\\"","code":"ACCESS_DENIED"}',
    });
    expect(refusals.render('INTEGRATION_TIMEOUT')).toEqual({
      status: 504,
      body: '{"message":"Endpoint request timed out"}',
    });
  });
});
