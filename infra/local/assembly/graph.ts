import type {
  DeclaredResource,
  EmulatedType,
  Identity,
  Place,
  Resource,
} from '../emulators/emulator.ts';
import { type Names, resolve } from './intrinsics.ts';
import type { Assembly, Stack } from './template.ts';

/** A resource type or property of the template that has no effect on this machine. */
export interface Unhonoured {
  readonly type: string;
  /** Absent: the whole type. */
  readonly property?: string;
  readonly count: number;
}

export interface ResourceGraph {
  readonly resources: readonly Resource[];
  readonly unhonoured: readonly Unhonoured[];
}

type EmulatedTypes = ReadonlyMap<string, EmulatedType>;

/** Types that are about the deployment itself. */
const ABOUT_DEPLOYMENT = new Set(['AWS::CDK::Metadata', 'AWS::CloudFormation::Stack']);

/** The assembly as plain resources: named, and with every intrinsic resolved. */
export function buildGraph(assembly: Assembly, types: EmulatedTypes, place: Place): ResourceGraph {
  const declared = assembly.stacks.flatMap(declarationsOf);
  const identities = new Map(
    declared.map((each) => [key(each.stack, each.logicalId), identify(each, types, place)]),
  );
  const names = createNames(assembly, identities, place);
  const stacks = new Map(assembly.stacks.map((stack) => [stack.name, stack]));
  const resources = declared
    .filter(({ type }) => types.has(type))
    .map((each): Resource => {
      const stack = stacks.get(each.stack);
      if (!stack) throw new Error(`no stack is named ${each.stack}`);
      const identity = identities.get(key(each.stack, each.logicalId)) ?? NAMELESS;
      return {
        ...each,
        ...identity,
        properties: resolve(each.properties, stack, names) as Resource['properties'],
      };
    });
  return { resources, unhonoured: unhonouredIn(declared, types) };
}

const key = (stack: string, logicalId: string): string => `${stack}/${logicalId}`;

const NAMELESS: Identity = { ref: '', attributes: {} };

function declarationsOf(stack: Stack): DeclaredResource[] {
  return Object.entries(stack.template.Resources).map(
    ([logicalId, { Type, Properties, Metadata }]) => ({
      stack: stack.name,
      logicalId,
      path: Metadata?.['aws:cdk:path'] ?? key(stack.name, logicalId),
      type: Type,
      properties: Properties,
    }),
  );
}

function identify(declared: DeclaredResource, types: EmulatedTypes, place: Place): Identity {
  const type = types.get(declared.type);
  // A type nobody emulates may still be referred to, by another one that nobody emulates.
  return type ? type.identify(declared, place) : { ref: declared.logicalId, attributes: {} };
}

function createNames(
  assembly: Assembly,
  identities: ReadonlyMap<string, Identity>,
  place: Place,
): Names {
  const identityOf = (stack: Stack, logicalId: string): Identity => {
    const identity = identities.get(key(stack.name, logicalId));
    if (!identity) throw new Error(`${stack.name} has no resource "${logicalId}"`);
    return identity;
  };
  const names: Names = {
    ref: (stack, logicalId) => identityOf(stack, logicalId).ref,
    attribute: (stack, logicalId, attribute) => {
      const value = identityOf(stack, logicalId).attributes[attribute];
      if (value !== undefined) return value;
      const type = stack.template.Resources[logicalId]?.Type;
      throw new Error(
        `${stack.name}/${logicalId} (${type}): no emulator knows the attribute ${attribute}`,
      );
    },
    pseudo: (name, stack) => pseudoParameter(name, stack, place),
    nested: (stack, logicalId) =>
      assembly.stacks.find(
        ({ parent }) => parent?.stack === stack && parent.logicalId === logicalId,
      ),
    exported: (name) => {
      for (const stack of assembly.stacks)
        for (const { Value, Export } of Object.values(stack.template.Outputs))
          if (Export && resolve(Export.Name, stack, names) === name) return { stack, value: Value };
      return undefined;
    },
  };
  return names;
}

function pseudoParameter(
  name: string,
  stack: Stack,
  { account, region }: Place,
): string | undefined {
  const values: Readonly<Record<string, string>> = {
    'AWS::AccountId': account,
    'AWS::Region': region,
    'AWS::Partition': 'aws',
    'AWS::URLSuffix': 'amazonaws.com',
    'AWS::StackName': stack.name,
    'AWS::StackId': `arn:aws:cloudformation:${region}:${account}:stack/${stack.name}/local`,
  };
  return values[name];
}

/** Listed, never dropped in silence. */
function unhonouredIn(declared: readonly DeclaredResource[], types: EmulatedTypes): Unhonoured[] {
  const counts = new Map<string, Unhonoured>();
  const count = (type: string, property?: string) => {
    const id = `${type} ${property ?? ''}`;
    const before = counts.get(id)?.count ?? 0;
    counts.set(id, { type, ...(property && { property }), count: before + 1 });
  };
  for (const { type, properties } of declared) {
    if (ABOUT_DEPLOYMENT.has(type)) continue;
    const emulated = types.get(type);
    if (!emulated) count(type);
    else
      for (const property of Object.keys(properties))
        if (!emulated.honoured.includes(property) && !Object.hasOwn(emulated.inert, property))
          count(type, property);
  }
  return [...counts.values()];
}
