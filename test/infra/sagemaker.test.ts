import { afterAll, describe, expect, test } from 'vitest';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { aModel } from '../builders/model-spec.ts';
import { listOf, objectOf, synthesize, textOf } from '../builders/templates.ts';

const hosted = (name: string, image = IMAGE): ModelSpec =>
  aModel(name, {
    runtime: {
      kind: 'sagemaker',
      memoryMb: 512,
      timeoutSeconds: 28,
      reservedConcurrency: 0,
      provisionedConcurrency: 0,
      functionUrl: false,
      image,
      hosting: { kind: 'instance', instanceType: 'ml.m7i.large', instances: 2 },
    },
  });

const IMAGE = '123456789012.dkr.ecr.eu-central-1.amazonaws.com/teams/triton:26.07';

const app = synthesize([hosted('big'), aModel('small')]);
afterAll(() => app[Symbol.dispose]());

const grantsOf = (role: string) =>
  app
    .of('AWS::IAM::Policy')
    .filter(({ properties }) => listOf(properties['Roles']).includes(`<${role}>`))
    .flatMap(({ properties }) => listOf(objectOf(properties['PolicyDocument'])['Statement']))
    .map((statement) => objectOf(statement));
const sageMaker = 'arn:aws:sagemaker:us-east-1:<AWS::AccountId>';

describe('a model that SageMaker hosts', () => {
  test('has no endpoint before it has a version', () => {
    expect(app.resources.filter(({ type }) => type.startsWith('AWS::SageMaker'))).toEqual([]);
  });

  test('has a role that reads artifacts, pulls its image, and writes its logs', () => {
    const endpoints = '/aws/sagemaker/Endpoints/slipway-main-big-*';
    expect(grantsOf('delivery/PromoteHostingbigRole')).toEqual([
      {
        Effect: 'Allow',
        Action: 's3:GetObject',
        Resource: '<stateful/Artifacts.Arn>/artifacts/*',
      },
      { Effect: 'Allow', Action: 's3:ListBucket', Resource: '<stateful/Artifacts.Arn>' },
      { Effect: 'Allow', Action: 'kms:Decrypt', Resource: '<stateful/Key.Arn>' },
      { Effect: 'Allow', Action: 'ecr:GetAuthorizationToken', Resource: '*' },
      {
        Effect: 'Allow',
        Action: [
          'ecr:BatchCheckLayerAvailability',
          'ecr:BatchGetImage',
          'ecr:GetDownloadUrlForLayer',
        ],
        Resource: 'arn:aws:ecr:eu-central-1:123456789012:repository/teams/triton',
      },
      {
        Effect: 'Allow',
        Action: [
          'logs:CreateLogGroup',
          'logs:CreateLogStream',
          'logs:DescribeLogStreams',
          'logs:PutLogEvents',
        ],
        Resource: `arn:aws:logs:us-east-1:<AWS::AccountId>:log-group:${endpoints}`,
      },
    ]);
  });

  test('is hosted by what its settings tell the operator API', () => {
    const [operatorApi] = app
      .of('AWS::Lambda::Function')
      .filter(({ name }) => name === 'delivery/PromoteOperatorApi');
    const environment = objectOf(objectOf(operatorApi?.properties['Environment'])['Variables']);
    expect(JSON.parse(textOf(environment['SAGEMAKER_ROLES']))).toEqual({
      big: '<delivery/PromoteHostingbigRole.Arn>',
    });
    expect(environment).toMatchObject({
      KEY_ARN: '<stateful/Key.Arn>',
      SAGEMAKER_NAME_PREFIX: 'slipway-main',
    });
  });

  test('may be given by the operator API its own role, to SageMaker only', () => {
    expect(
      grantsOf('delivery/PromoteOperatorApiRole').filter(({ Action }) => Action === 'iam:PassRole'),
    ).toEqual([
      {
        Effect: 'Allow',
        Action: 'iam:PassRole',
        Resource: '<delivery/PromoteHostingbigRole.Arn>',
        Condition: { StringEquals: { 'iam:PassedToService': 'sagemaker.amazonaws.com' } },
      },
    ]);
  });

  test('lets the end of a promotion delete what bears its name, and make nothing', () => {
    const role = app
      .of('AWS::IAM::Role')
      .map(({ name }) => name)
      .find((name) => /\/.*concludeRole$/i.test(name));
    const actions = grantsOf(role ?? '').flatMap(({ Action }) =>
      listOf(Action).map((action) => textOf(action)),
    );
    expect(actions.filter((action) => /^(sagemaker|iam):/.test(action)).toSorted()).toEqual([
      'sagemaker:DeleteEndpoint',
      'sagemaker:DeleteEndpointConfig',
      'sagemaker:DeleteModel',
      'sagemaker:DescribeEndpoint',
    ]);
  });

  test('lets the operator API make and delete what bears its name, encrypted', () => {
    const statements = grantsOf('delivery/PromoteOperatorApiRole');
    expect(
      statements.filter(({ Action }) => listOf(Action).includes('sagemaker:CreateEndpoint')),
    ).toEqual([
      {
        Effect: 'Allow',
        Action: [
          'sagemaker:CreateEndpoint',
          'sagemaker:CreateEndpointConfig',
          'sagemaker:CreateModel',
          'sagemaker:DeleteEndpoint',
          'sagemaker:DeleteEndpointConfig',
          'sagemaker:DeleteModel',
          'sagemaker:DescribeEndpoint',
        ],
        Resource: ['endpoint-config', 'endpoint', 'model'].map(
          (kind) => `${sageMaker}:${kind}/slipway-main-big-*`,
        ),
      },
    ]);
    expect(statements.filter(({ Action }) => Action === 'kms:CreateGrant')).toEqual([
      {
        Effect: 'Allow',
        Action: 'kms:CreateGrant',
        Resource: '<stateful/Key.Arn>',
        Condition: { Bool: { 'kms:GrantIsForAWSResource': 'true' } },
      },
    ]);
  });

  test('is asked by its own server and its own shadow, and by no other model', () => {
    const asking = (role: string) =>
      grantsOf(role).filter(({ Action }) => Action === 'sagemaker:InvokeEndpoint');
    const granted = [
      {
        Effect: 'Allow',
        Action: 'sagemaker:InvokeEndpoint',
        Resource: `${sageMaker}:endpoint/slipway-main-big-*`,
      },
    ];
    expect(
      ['big/ServerRole', 'big/ShadowRole', 'small/ServerRole', 'small/ShadowRole'].map(asking),
    ).toEqual([granted, granted, [], []]);
  });
});

describe('synthesis refuses', () => {
  test('an image that SageMaker cannot pull', () => {
    expect(() => synthesize([hosted('big', 'docker.io/triton:1')])).toThrow(
      'big: runtime.image: SageMaker pulls from ECR only, <account>.dkr.ecr.<region>.amazonaws.com/<repository>:<tag>; got "docker.io/triton:1"',
    );
  });

  test('a name that leaves no room for a version in an endpoint', () => {
    expect(() => synthesize([hosted('a'.repeat(40))])).toThrow(
      /is too long for a SageMaker endpoint: shorten the model's name or the stage by 1/,
    );
  });
});
