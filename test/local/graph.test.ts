import { describe, expect, test } from 'vitest';
import { buildGraph } from '../../infra/local/assembly/graph.ts';
import type { Stack } from '../../infra/local/assembly/template.ts';
import type { EmulatedType } from '../../infra/local/emulators/emulator.ts';

const place = { account: '000000000000', region: 'us-east-1' };
const thing: EmulatedType = {
  identify: ({ logicalId }) => ({
    ref: `${logicalId}-name`,
    attributes: { Arn: `arn:${logicalId}` },
  }),
  honoured: ['Value'],
  inert: { Note: 'for people' },
};
const types = new Map([['Test::Thing', thing]]);

type Properties = Record<string, unknown>;
const aStack = (
  name: string,
  resources: Record<string, Properties>,
  more: Partial<Stack['template']> = {},
  parent?: Stack['parent'],
): Stack => ({
  name,
  template: {
    Resources: Object.fromEntries(
      Object.entries(resources).map(([id, Properties]) => [
        id,
        { Type: 'Test::Thing', Properties },
      ]),
    ),
    Parameters: {},
    Outputs: {},
    ...more,
  },
  ...(parent && { parent }),
});

const valuesOf = (...stacks: Stack[]) =>
  Object.fromEntries(
    buildGraph({ stacks, assets: new Map() }, types, place).resources.map(
      ({ logicalId, properties }) => [logicalId, properties['Value']],
    ),
  );

describe('intrinsics', () => {
  test.each<[string, unknown, unknown]>([
    ['Ref to a resource', { Ref: 'Other' }, 'Other-name'],
    ['Ref to the region', { Ref: 'AWS::Region' }, 'us-east-1'],
    ['GetAtt', { 'Fn::GetAtt': ['Other', 'Arn'] }, 'arn:Other'],
    [
      'Join',
      { 'Fn::Join': ['', ['a:', { Ref: 'AWS::AccountId' }, ':', { Ref: 'Other' }]] },
      'a:000000000000:Other-name',
    ],
    [
      'Sub with attributes and variables',
      { 'Fn::Sub': ['${AWS::Partition}/${Other.Arn}/${x}/${!kept}', { x: { Ref: 'Other' } }] },
      'aws/arn:Other/Other-name/${!kept}',
    ],
    ['Select of Split', { 'Fn::Select': [1, { 'Fn::Split': ['-', { Ref: 'Other' }] }] }, 'name'],
    ['NoValue in a list', [1, { Ref: 'AWS::NoValue' }, 2], [1, 2]],
  ])('%s', (_, value, expected) => {
    expect(valuesOf(aStack('s', { Probe: { Value: value }, Other: {} }))['Probe']).toEqual(
      expected,
    );
  });

  test('a value crosses stacks by export and import', () => {
    const producer = aStack(
      'a',
      { Source: {} },
      {
        Outputs: {
          Out: { Value: { 'Fn::GetAtt': ['Source', 'Arn'] }, Export: { Name: 'a:Source' } },
        },
      },
    );
    expect(
      valuesOf(producer, aStack('b', { Probe: { Value: { 'Fn::ImportValue': 'a:Source' } } }))[
        'Probe'
      ],
    ).toBe('arn:Source');
  });

  test('a value goes into a nested stack by parameter and out by output', () => {
    const parent = aStack('p', {
      Source: {},
      Probe: { Value: { 'Fn::GetAtt': ['Child', 'Outputs.Inner'] } },
    });
    parent.template.Resources['Child'] = {
      Type: 'AWS::CloudFormation::Stack',
      Properties: { Parameters: { given: { Ref: 'Source' } } },
    };
    const child = aStack(
      'c',
      { Inner: { Value: { Ref: 'given' } } },
      {
        Parameters: { given: {} },
        Outputs: { Inner: { Value: { 'Fn::GetAtt': ['Inner', 'Arn'] } } },
      },
      { stack: parent, logicalId: 'Child' },
    );
    expect(valuesOf(parent, child)).toMatchObject({ Inner: 'Source-name', Probe: 'arn:Inner' });
  });

  test.each<[string, unknown, RegExp]>([
    ['an unknown intrinsic', { 'Fn::Cidr': [] }, /s uses Fn::Cidr/],
    ['an unknown reference', { Ref: 'Nobody' }, /refers to "Nobody"/],
    [
      'an attribute that no emulator knows',
      { 'Fn::GetAtt': ['Other', 'Colour'] },
      /s\/Other \(Test::Thing\): no emulator knows the attribute Colour/,
    ],
    [
      'an import that nobody exports',
      { 'Fn::ImportValue': 'x' },
      /imports "x", which no stack exports/,
    ],
  ])('%s is refused by name', (_, value, message) => {
    expect(() => valuesOf(aStack('s', { Probe: { Value: value }, Other: {} }))).toThrow(message);
  });
});

test('what nobody honours is listed, what is inert is not', () => {
  const stack = aStack('s', { A: { Value: 1, Note: 'x', Colour: 'red' }, B: { Colour: 'blue' } });
  stack.template.Resources['C'] = { Type: 'Test::Unknown', Properties: {} };
  expect(buildGraph({ stacks: [stack], assets: new Map() }, types, place).unhonoured).toEqual([
    { type: 'Test::Thing', property: 'Colour', count: 2 },
    { type: 'Test::Unknown', count: 1 },
  ]);
});
