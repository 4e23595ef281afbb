import { describe, expect, test } from 'vitest';
import type { ContextValues } from '../../infra/local/emulators/policy.ts';
import type { Declaration } from '../builders/emulated-account.ts';
import { allow, authorizerOf, bucketPolicy, holder, isAllowed } from '../builders/policies.ts';

describe('conditions', () => {
  test.each<[string, unknown, ContextValues, boolean]>([
    ['StringEquals', { StringEquals: { k: ['a', 'b'] } }, { k: 'b' }, true],
    ['StringEquals of an absent key', { StringEquals: { k: 'a' } }, {}, false],
    ['StringEqualsIfExists of an absent key', { StringEqualsIfExists: { k: 'a' } }, {}, true],
    [
      'StringEqualsIfExists of another value',
      { StringEqualsIfExists: { k: 'a' } },
      { k: 'b' },
      false,
    ],
    ['StringNotEquals', { StringNotEquals: { k: ['a', 'b'] } }, { k: 'b' }, false],
    ['StringNotEquals of an absent key', { StringNotEquals: { k: 'a' } }, {}, true],
    ['StringLike', { StringLike: { k: 'uploads/*' } }, { k: 'uploads/x' }, true],
    ['StringNotLike', { StringNotLike: { k: 'uploads/*' } }, { k: 'uploads/x' }, false],
    ['StringEqualsIgnoreCase', { StringEqualsIgnoreCase: { k: 'A' } }, { k: 'a' }, true],
    [
      'keys in other case',
      { StringEquals: { 'AWS:sourceaccount': '1' } },
      { 'aws:SourceAccount': '1' },
      true,
    ],
    ['ArnLike', { ArnLike: { k: 'arn:aws:s3:::b*' } }, { k: 'arn:aws:s3:::bucket' }, true],
    ['ArnNotEquals', { ArnNotEquals: { k: 'arn:aws:s3:::b' } }, { k: 'arn:aws:s3:::c' }, true],
    ['Bool', { Bool: { k: true } }, { k: 'true' }, true],
    ['NumericLessThanEquals', { NumericLessThanEquals: { k: 10 } }, { k: '10' }, true],
    ['NumericGreaterThan', { NumericGreaterThan: { k: '9' } }, { k: '10' }, true],
    ['Null true of an absent key', { Null: { k: 'true' } }, {}, true],
    ['Null false of an absent key', { Null: { k: 'false' } }, {}, false],
    [
      'ForAllValues',
      { 'ForAllValues:StringEquals': { k: ['a', 'b'] } },
      { k: ['a', 'b', 'a'] },
      true,
    ],
    [
      'ForAllValues with one outside',
      { 'ForAllValues:StringEquals': { k: ['a', 'b'] } },
      { k: ['a', 'c'] },
      false,
    ],
    ['ForAllValues of an absent key', { 'ForAllValues:StringEquals': { k: 'a' } }, {}, true],
    ['ForAnyValue', { 'ForAnyValue:StringLike': { k: 'a*' } }, { k: ['x', 'ab'] }, true],
    ['ForAnyValue of an absent key', { 'ForAnyValue:StringLike': { k: 'a*' } }, {}, false],
    [
      'two keys, of which one fails',
      { StringEquals: { k: 'a', l: 'b' } },
      { k: 'a', l: 'c' },
      false,
    ],
    [
      'two operators, of which one fails',
      { StringEquals: { k: 'a' }, Bool: { l: 'true' } },
      { k: 'a', l: 'false' },
      false,
    ],
  ])('%s', (_, Condition, context, expected) => {
    const statement = allow('s3:*', '*', { Condition });
    expect(isAllowed([holder(statement)], 's3:GetObject', 'arn:aws:s3:::b/k', { context })).toBe(
      expected,
    );
  });
});

describe('what is not emulated stops the start and names the policy', () => {
  test.each<[string, Declaration, string]>([
    [
      'an operator',
      holder(allow('*', '*', { Condition: { IpAddress: { 'aws:SourceIp': '::1' } } })),
      'the condition operator IpAddress is not emulated',
    ],
    [
      'an element',
      holder({ ...allow('*'), NotPrincipal: '*' }),
      'the element NotPrincipal is not emulated',
    ],
    [
      'a policy variable',
      holder(allow('s3:*', 'arn:aws:s3:::b/${aws:username}/*')),
      'policy variables are not emulated',
    ],
    [
      'a kind of principal',
      bucketPolicy(allow('s3:*', '*', { Principal: { Federated: 'x' } })),
      'principals of the kind Federated',
    ],
    [
      'a managed policy',
      ['AWS::IAM::Role', 'R', { ManagedPolicyArns: ['arn:aws:iam::aws:policy/Unheard'] }],
      'arn:aws:iam::aws:policy/Unheard is not known here',
    ],
    [
      'a statement without action',
      holder({ Effect: 'Allow', Resource: '*' }),
      'needs either Action or NotAction',
    ],
    ['an effect', holder({ Effect: 'Maybe', Action: '*', Resource: '*' }), 'Effect is "Maybe"'],
  ])('%s', (_, declaration, message) => {
    expect(() => authorizerOf(declaration)).toThrow(message);
    expect(() => authorizerOf(declaration)).toThrow(/^Test\//);
  });
});
