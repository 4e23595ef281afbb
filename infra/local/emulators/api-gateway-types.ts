import type { DeclaredResource, EmulatedType, Identity } from './emulator.ts';
import { physicalName } from './physical-name.ts';

const plain = (declared: DeclaredResource): Identity => ({
  ref: physicalName(declared, 'Name', 100),
  attributes: {},
});

/** API Gateway's ids are ten characters of base 36; the hash of the name serves as well. */
const shortId = (declared: DeclaredResource): string => physicalName(declared, '', 200).slice(-10);

/** The CloudFormation types of REST APIs. */
export const API_GATEWAY_TYPES: Readonly<Record<string, EmulatedType>> = {
  'AWS::ApiGateway::RestApi': {
    identify(declared) {
      const id = shortId(declared);
      return { ref: id, attributes: { RestApiId: id, RootResourceId: `${id}-root` } };
    },
    honoured: ['BinaryMediaTypes', 'Name'],
    inert: {
      Description: 'for people',
      EndpointConfiguration: 'there is one endpoint here',
      Tags: 'nothing reads them',
    },
  },
  'AWS::ApiGateway::Resource': {
    identify: (declared) => ({
      ref: shortId(declared),
      attributes: { ResourceId: shortId(declared) },
    }),
    honoured: ['ParentId', 'PathPart', 'RestApiId'],
    inert: {},
  },
  'AWS::ApiGateway::Method': {
    identify: plain,
    honoured: [
      'ApiKeyRequired',
      'AuthorizationType',
      'HttpMethod',
      'Integration',
      'ResourceId',
      'RestApiId',
    ],
    inert: {},
  },
  'AWS::ApiGateway::Deployment': {
    identify: (declared) => ({
      ref: shortId(declared),
      attributes: { DeploymentId: shortId(declared) },
    }),
    honoured: ['RestApiId'],
    inert: { Description: 'for people' },
  },
  'AWS::ApiGateway::Stage': {
    identify: (declared) => ({ ref: String(declared.properties['StageName']), attributes: {} }),
    honoured: ['DeploymentId', 'RestApiId', 'StageName'],
    inert: {
      AccessLogSetting: 'the runner logs failures itself',
      MethodSettings: 'metrics of single methods are made by AWS only',
      TracingEnabled: 'there is no X-Ray here',
      Tags: 'nothing reads them',
    },
  },
  'AWS::ApiGateway::Account': {
    identify: plain,
    honoured: [],
    inert: { CloudWatchRoleArn: 'access logs are not written here' },
  },
  'AWS::ApiGateway::ApiKey': {
    identify: (declared) => ({
      ref: shortId(declared),
      attributes: { APIKeyId: shortId(declared) },
    }),
    honoured: ['Enabled'],
    inert: {
      Description: 'for people',
      StageKeys: 'usage plans tie keys to stages',
      Tags: 'nothing reads them',
    },
  },
  'AWS::ApiGateway::UsagePlan': {
    identify: (declared) => ({ ref: shortId(declared), attributes: { Id: shortId(declared) } }),
    honoured: ['ApiStages', 'Quota', 'Throttle'],
    inert: { Description: 'for people', UsagePlanName: 'for people', Tags: 'nothing reads them' },
  },
  'AWS::ApiGateway::UsagePlanKey': {
    identify: plain,
    honoured: ['KeyId', 'KeyType', 'UsagePlanId'],
    inert: {},
  },
  'AWS::ApiGateway::GatewayResponse': {
    identify: plain,
    honoured: [
      'ResponseParameters',
      'ResponseTemplates',
      'ResponseType',
      'RestApiId',
      'StatusCode',
    ],
    inert: {},
  },
};
