import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Principal } from '../../infra/local/emulators/emulator.ts';
import { type Declaration, KEY_ARN, roleArn } from '../builders/emulated-account.ts';
import {
  allow,
  authorizerOf,
  bucketPolicy,
  caller,
  deny,
  holder,
  isAllowed,
  type Statement,
} from '../builders/policies.ts';

const TABLE = 'arn:aws:dynamodb:eu-west-1:123456789012:table/t';
const BUCKET = 'arn:aws:s3:::b';
const QUEUE = 'arn:aws:sqs:eu-west-1:123456789012:q';
const FUNCTION = 'arn:aws:lambda:eu-west-1:123456789012:function:f';
const ROOT = 'arn:aws:iam::123456789012:root';

const service = (name: string): Principal => ({
  kind: 'service',
  service: `${name}.amazonaws.com`,
});

describe('identity policies', () => {
  test.each<[string, Statement, string, boolean]>([
    ['the action and resource named', allow('dynamodb:GetItem', TABLE), TABLE, true],
    ['another resource', allow('dynamodb:GetItem', TABLE), `${TABLE}2`, false],
    ['another action', allow('dynamodb:PutItem', TABLE), TABLE, false],
    ['an action in other case', allow('DynamoDB:getitem', TABLE), TABLE, true],
    ['wildcards', allow('dynamodb:Get*', 'arn:aws:dynamodb:*:*:table/?'), TABLE, true],
    ['lists', allow(['s3:*', 'dynamodb:GetItem'], ['x', TABLE]), TABLE, true],
    ['NotAction', { Effect: 'Allow', NotAction: 's3:*', Resource: '*' }, TABLE, true],
    [
      'NotAction that names it',
      { Effect: 'Allow', NotAction: 'dynamodb:*', Resource: '*' },
      TABLE,
      false,
    ],
    ['NotResource', { Effect: 'Allow', Action: '*', NotResource: BUCKET }, TABLE, true],
    [
      'NotResource that names it',
      { Effect: 'Allow', Action: '*', NotResource: TABLE },
      TABLE,
      false,
    ],
  ])('%s', (_, statement, resource, expected) => {
    expect(isAllowed([holder(statement)], 'dynamodb:GetItem', resource)).toBe(expected);
  });

  test('come from AWS::IAM::Policy, managed policies of the template and known ones of AWS', () => {
    const document = { Statement: allow('dynamodb:GetItem', TABLE) };
    const bare: Declaration = ['AWS::IAM::Role', 'R', { RoleName: 'r' }];
    const policy: Declaration = [
      'AWS::IAM::Policy',
      'P',
      { Roles: ['r'], PolicyDocument: document },
    ];
    const managed: Declaration = [
      'AWS::IAM::ManagedPolicy',
      'M',
      { ManagedPolicyName: 'm', PolicyDocument: document },
    ];
    const holding = (arn: string): Declaration => [
      'AWS::IAM::Role',
      'R',
      { RoleName: 'r', ManagedPolicyArns: [arn] },
    ];
    const ofTemplate = holding('arn:aws:iam::123456789012:policy/m');
    const ofAws = holding('arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole');
    expect(isAllowed([bare], 'dynamodb:GetItem', TABLE)).toBe(false);
    expect(isAllowed([bare, policy], 'dynamodb:GetItem', TABLE)).toBe(true);
    expect(isAllowed([ofTemplate, managed], 'dynamodb:GetItem', TABLE)).toBe(true);
    expect(isAllowed([ofAws], 'logs:PutLogEvents', 'arn:aws:logs:eu:1:log-group:g')).toBe(true);
  });

  test('a refusal names principal, action and resource in the words of AWS', () => {
    const authorizer = authorizerOf(holder(allow('s3:*')));
    expect(() => authorizer.authorize(caller, 'dynamodb:GetItem', TABLE)).toThrow(
      expect.objectContaining({
        status: 403,
        code: 'AccessDeniedException',
        message: `User: arn:aws:sts::123456789012:assumed-role/r/s is not authorized to perform: dynamodb:GetItem on resource: ${TABLE} because no identity-based policy allows the dynamodb:GetItem action`,
      }),
    );
  });

  test('an explicit deny says which policy denies', () => {
    const authorizer = authorizerOf(holder(allow('*'), deny('s3:*')));
    expect(() => authorizer.authorize(caller, 's3:GetObject', `${BUCKET}/k`)).toThrow(
      'with an explicit deny in an identity-based policy (Test/R)',
    );
  });
});

describe('a deny', () => {
  const effect = fc.constantFrom('Allow', 'Deny');
  const action = fc.constantFrom('*', 's3:*', 's3:GetObject', 's3:PutObject', 'kms:*');
  const resource = fc.constantFrom('*', BUCKET, `${BUCKET}/*`, `${BUCKET}/k`);
  const statement = fc.record({ Effect: effect, Action: action, Resource: resource });
  const Principal = { AWS: '*' };

  test('wins over every allow, in either kind of policy', () => {
    const denial = deny('s3:GetObject', `${BUCKET}/k`);
    fc.assert(
      fc.property(
        fc.array(statement),
        fc.array(statement),
        fc.boolean(),
        (mine, theirs, isMine) => {
          const identity = isMine ? [...mine, denial] : mine;
          const others = theirs.map((other) => ({ ...other, Principal }));
          const onBucket = isMine ? others : [...others, { ...denial, Principal }];
          const declarations = [
            ...(identity.length > 0 ? [holder(...identity)] : []),
            ...(onBucket.length > 0 ? [bucketPolicy(...onBucket)] : []),
          ];
          expect(isAllowed(declarations, 's3:GetObject', `${BUCKET}/k`)).toBe(false);
        },
      ),
    );
  });

  test('order and repetition of statements change nothing', () => {
    fc.assert(
      fc.property(fc.array(statement, { minLength: 1 }), (statements) => {
        const decide = (given: readonly Statement[]) =>
          isAllowed([holder(...given)], 's3:GetObject', `${BUCKET}/k`);
        expect(decide([...statements, ...statements].toReversed())).toBe(decide(statements));
      }),
    );
  });
});

describe('resource policies', () => {
  const read = (Principal: unknown) =>
    bucketPolicy(allow('s3:GetObject', `${BUCKET}/*`, { Principal }));

  test.each<[string, unknown, boolean]>([
    ['the role itself', { AWS: roleArn('r') }, true],
    ['everybody', '*', true],
    ['everybody, the longer way', { AWS: '*' }, true],
    ['another role', { AWS: roleArn('other') }, false],
    ['the account, which leaves it to identity policies', { AWS: ROOT }, false],
    ['the account by number', { AWS: '123456789012' }, false],
    ['a service', { Service: 'logs.amazonaws.com' }, false],
  ])('allow %s', (_, principal, expected) => {
    expect(isAllowed([read(principal)], 's3:GetObject', `${BUCKET}/k`)).toBe(expected);
  });

  test('that deny the account deny every role of it', () => {
    const denial = bucketPolicy(deny('s3:*', `${BUCKET}/*`, { Principal: { AWS: ROOT } }));
    expect(isAllowed([holder(allow('*')), denial], 's3:GetObject', `${BUCKET}/k`)).toBe(false);
  });

  test('that ask for TLS pass, since the loopback hop stands for it', () => {
    const enforceTls = bucketPolicy(
      deny('s3:*', [BUCKET, `${BUCKET}/*`], {
        Principal: { AWS: '*' },
        Condition: { Bool: { 'aws:SecureTransport': 'false' } },
      }),
      deny('s3:*', [BUCKET, `${BUCKET}/*`], {
        Principal: { AWS: '*' },
        Condition: { NumericLessThan: { 's3:TlsVersion': 1.2 } },
      }),
    );
    expect(isAllowed([holder(allow('s3:*')), enforceTls], 's3:GetObject', `${BUCKET}/k`)).toBe(
      true,
    );
  });

  test('a queue policy lets a service send on behalf of one source', () => {
    const policy: Declaration = [
      'AWS::SQS::QueuePolicy',
      'QP',
      {
        Queues: ['http://127.0.0.1:1/123456789012/q'],
        PolicyDocument: {
          Statement: allow('sqs:SendMessage', QUEUE, {
            Principal: { Service: 'sns.amazonaws.com' },
            Condition: { ArnEquals: { 'aws:SourceArn': 'arn:aws:sns:eu-west-1:1:topic' } },
          }),
        },
      },
    ];
    const from = (arn: string, name = 'sns') =>
      isAllowed([policy], 'sqs:SendMessage', QUEUE, {
        principal: service(name),
        context: { 'aws:SourceArn': arn },
      });
    expect(from('arn:aws:sns:eu-west-1:1:topic')).toBe(true);
    expect(from('arn:aws:sns:eu-west-1:1:other')).toBe(false);
    expect(from('arn:aws:sns:eu-west-1:1:topic', 'events')).toBe(false);
  });

  test('a Lambda permission lets a service invoke the function and its aliases', () => {
    const permission: Declaration = [
      'AWS::Lambda::Permission',
      'LP',
      {
        Action: 'lambda:InvokeFunction',
        FunctionName: FUNCTION,
        Principal: 'apigateway.amazonaws.com',
        SourceArn: 'arn:aws:execute-api:eu-west-1:1:api/*/GET/x',
      },
    ];
    const invoke = (SourceArn: string, name = 'apigateway') =>
      isAllowed([permission], 'lambda:InvokeFunction', FUNCTION, {
        principal: service(name),
        context: { 'aws:SourceArn': SourceArn },
      });
    expect(invoke('arn:aws:execute-api:eu-west-1:1:api/prod/GET/x')).toBe(true);
    expect(invoke('arn:aws:execute-api:eu-west-1:1:api/prod/POST/x')).toBe(false);
    expect(invoke('arn:aws:execute-api:eu-west-1:1:api/prod/GET/x', 'events')).toBe(false);
  });
});

describe('key policies', () => {
  const key = (...Statement: readonly Statement[]): Declaration => [
    'AWS::KMS::Key',
    'Key',
    { KeyPolicy: { Statement } },
  ];
  const delegation = allow('kms:*', '*', { Principal: { AWS: ROOT } });
  const mine = holder(allow('kms:Decrypt', KEY_ARN));

  test.each<[string, readonly Declaration[], boolean]>([
    [
      'the role by name needs nothing else',
      [key(allow('kms:Decrypt', '*', { Principal: { AWS: roleArn('r') } }))],
      true,
    ],
    ['delegation and an identity policy', [key(delegation), mine], true],
    ['delegation alone', [key(delegation)], false],
    ['an identity policy alone', [key(allow('kms:Encrypt', '*', { Principal: '*' })), mine], false],
    ['no key policy that is known', [mine], false],
  ])('%s', (_, declarations, expected) => {
    expect(isAllowed(declarations, 'kms:Decrypt', KEY_ARN)).toBe(expected);
  });

  test('hear through which service the key is used', () => {
    const viaS3 = key(
      allow('kms:Decrypt', '*', {
        Principal: { AWS: roleArn('r') },
        Condition: { StringEquals: { 'kms:ViaService': 's3.eu-west-1.amazonaws.com' } },
      }),
    );
    const via = (name: string) =>
      isAllowed([viaS3], 'kms:Decrypt', KEY_ARN, {
        context: { 'kms:ViaService': `${name}.eu-west-1.amazonaws.com` },
      });
    expect([via('s3'), via('dynamodb'), isAllowed([viaS3], 'kms:Decrypt', KEY_ARN)]).toEqual([
      true,
      false,
      false,
    ]);
  });
});
