import {
  AccessLogFormat,
  AuthorizationType,
  EndpointType,
  GatewayResponse,
  Integration,
  IntegrationType,
  type IResource,
  LogGroupLogDestination,
  Period,
  ResponseType,
  RestApi,
} from 'aws-cdk-lib/aws-apigateway';
import { ServicePrincipal } from 'aws-cdk-lib/aws-iam';
import type { IKey } from 'aws-cdk-lib/aws-kms';
import type { IFunction } from 'aws-cdk-lib/aws-lambda';
import { LogGroup, RetentionDays } from 'aws-cdk-lib/aws-logs';
import { RemovalPolicy, Stack } from 'aws-cdk-lib/core';
import { Construct } from 'constructs';
import { acknowledge } from './acknowledgements.ts';
import type { Config } from './config.ts';

/** Who may call a path. */
export type Audience =
  /** Holders of an API key, throttled by their usage plan. */
  | 'callers'
  /** IAM principals who may execute-api:Invoke, by a SigV4 signature. */
  | 'operators';

/**
 * The text of API Gateway's own refusals, in the API's error shape. An unknown path and an unsigned request
 * to a signed path are one response type to API Gateway, so one text must serve both.
 */
const REFUSALS: readonly (readonly [ResponseType, string, string, string])[] = [
  [
    ResponseType.MISSING_AUTHENTICATION_TOKEN,
    '404',
    'PATH_NOT_FOUND',
    'no such path and method; operator paths exist for requests signed with SigV4 only. See /openapi.json',
  ],
  [
    ResponseType.INVALID_API_KEY,
    '403',
    'FORBIDDEN',
    'send a valid API key in the header x-api-key',
  ],
  [
    ResponseType.THROTTLED,
    '429',
    'THROTTLED',
    'too many requests a second for this API key; retry after a pause',
  ],
  [
    ResponseType.QUOTA_EXCEEDED,
    '429',
    'QUOTA_EXCEEDED',
    'the daily quota of this API key is used up',
  ],
  [
    ResponseType.REQUEST_TOO_LARGE,
    '413',
    'TOO_LARGE',
    'the request is larger than 4.4 MB; send fewer rows a request',
  ],
  [ResponseType.INTEGRATION_TIMEOUT, '504', 'TIMEOUT', 'no answer within 29 s'],
  [
    ResponseType.INTEGRATION_FAILURE,
    '502',
    'UPSTREAM_FAILED',
    'the function behind this path failed; retry',
  ],
];

/** What cdk-nag would have otherwise, and why it is so here. */
const ACCEPTED: readonly (readonly [string, string])[] = [
  [
    'APIG2',
    "The functions check every field and answer with its path; API Gateway's validator knows neither binary tensors nor the models' specs.",
  ],
  [
    'APIG3',
    'Callers are back ends with a key, a throttle and a quota each. A web ACL costs by the month and by the request: a team that opens the API to browsers associates one with the stage.',
  ],
  [
    'APIG4',
    'Paths of callers take an API key of a usage plan and change nothing; every path that changes something takes SigV4.',
  ],
  [
    'APIG6',
    'Execution logs go to a group that API Gateway makes without our key and without an end of retention. The access log and one line a request of each function say what happened.',
  ],
  [
    'COG4',
    'Callers are programs with API keys and operators sign with IAM; there are no users who could log in to a pool.',
  ],
  [
    'IAM4[Policy::arn:<AWS::Partition>:iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs]',
    "The role belongs to the account's API Gateway, not to this API, and AWS requires these rights of it in full.",
  ],
];

export interface ApiProps {
  readonly config: Config;
  readonly key: IKey;
}

/** The one REST API. Verbs add their paths to it; who may call them is said here. */
export class Api extends Construct {
  readonly rest: RestApi;

  constructor(scope: Construct, id: string, { config, key }: ApiProps) {
    super(scope, id);
    const accessLogs = new LogGroup(this, 'AccessLogs', {
      logGroupName: `/slipway/${config.stage}/api-access`,
      retention: RetentionDays.THREE_MONTHS,
      encryptionKey: key,
      removalPolicy: RemovalPolicy.DESTROY,
    });
    this.rest = new RestApi(this, 'Rest', {
      restApiName: `slipway-${config.stage}`,
      description: 'Slipway: predictions for callers, versions and routes for operators',
      endpointTypes: [EndpointType.REGIONAL],
      // Stock inference clients send neither Content-Type nor Accept, so everything travels as bytes.
      binaryMediaTypes: ['*/*'],
      // API Gateway writes access logs only with a role set for the whole account and region.
      cloudWatchRole: true,
      cloudWatchRoleRemovalPolicy: RemovalPolicy.RETAIN,
      deployOptions: {
        stageName: config.stage,
        tracingEnabled: true,
        metricsEnabled: true,
        accessLogDestination: new LogGroupLogDestination(accessLogs),
        accessLogFormat: AccessLogFormat.jsonWithStandardFields(),
      },
    });
    this.#rewriteRefusals();
    this.#admitCallers(config);
    for (const [finding, reason] of ACCEPTED) acknowledge(this, finding, reason);
  }

  /** Routes a path (`v1/versions/{proxy+}`) and the methods on it to a function. */
  route(path: string, methods: readonly string[], target: IFunction, audience: Audience): void {
    const resource = path
      .split('/')
      .reduce<IResource>(
        (parent, part) => parent.getResource(part) ?? parent.addResource(part),
        this.rest.root,
      );
    // Not LambdaIntegration: its permission names the stage, which would wait for the methods that wait
    // for the function: a cycle as soon as the function lives in a nested stack.
    const integration = new Integration({
      type: IntegrationType.AWS_PROXY,
      integrationHttpMethod: 'POST',
      uri: Stack.of(this).formatArn({
        service: 'apigateway',
        account: 'lambda',
        resource: 'path/2015-03-31/functions',
        resourceName: `${target.functionArn}/invocations`,
      }),
    });
    for (const method of methods)
      resource.addMethod(method, integration, {
        apiKeyRequired: audience === 'callers',
        authorizationType:
          audience === 'operators' ? AuthorizationType.IAM : AuthorizationType.NONE,
      });
  }

  /** Lets the API invoke a function for the paths below `prefix`, and for no other API. */
  admitTo(target: IFunction, id: string, prefix: string): void {
    target.addPermission(id, {
      principal: new ServicePrincipal('apigateway.amazonaws.com'),
      sourceArn: Stack.of(this).formatArn({
        service: 'execute-api',
        resource: this.rest.restApiId,
        resourceName: `*/*/${prefix}`,
      }),
    });
  }

  #rewriteRefusals(): void {
    const template = (code: string, text: string) => ({
      'application/json': JSON.stringify({ error: text, code, details: [] }),
    });
    for (const [type, statusCode, code, text] of REFUSALS)
      new GatewayResponse(this, `Refusal${code}`, {
        restApi: this.rest,
        type,
        statusCode,
        templates: template(code, text),
      });
    // messageString is quoted already. The rest keeps API Gateway's own status and words.
    for (const type of [ResponseType.DEFAULT_4XX, ResponseType.DEFAULT_5XX])
      new GatewayResponse(this, `Refusal${type.responseType}`, {
        restApi: this.rest,
        type,
        templates: {
          'application/json':
            '{"error":$context.error.messageString,"code":"$context.error.responseType","details":[]}',
        },
      });
  }

  #admitCallers({ callers }: Config): void {
    for (const caller of callers) {
      const key = this.rest.addApiKey(`Key-${caller.name}`, {
        description: `Slipway caller ${caller.name}`,
      });
      const plan = this.rest.addUsagePlan(`Plan-${caller.name}`, {
        description: `Slipway caller ${caller.name}`,
        throttle: { rateLimit: caller.requestsPerSecond, burstLimit: caller.burst },
        quota: { limit: caller.requestsPerDay, period: Period.DAY },
        apiStages: [{ api: this.rest, stage: this.rest.deploymentStage }],
      });
      plan.addApiKey(key);
    }
  }
}
