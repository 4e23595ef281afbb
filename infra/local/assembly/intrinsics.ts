import { isRecord, type JsonObject } from '../emulators/json.ts';
import type { Stack } from './template.ts';

/** What the resolver asks of whoever knows the resources. */
export interface Names {
  ref(stack: Stack, logicalId: string): string;
  attribute(stack: Stack, logicalId: string, attribute: string): string;
  /** `AWS::Region` and the like. */
  pseudo(name: string, stack: Stack): string | undefined;
  nested(stack: Stack, logicalId: string): Stack | undefined;
  exported(name: string): { readonly stack: Stack; readonly value: unknown } | undefined;
}

type Intrinsic = (argument: unknown, stack: Stack, names: Names) => unknown;

const text = (value: unknown): string => (typeof value === 'string' ? value : String(value));

const INTRINSICS: Readonly<Record<string, Intrinsic>> = {
  Ref: (name, stack, names) => reference(text(name), stack, names),
  'Fn::GetAtt': (argument, stack, names) => {
    const [logicalId = '', ...rest] = Array.isArray(argument)
      ? argument.map(text)
      : text(argument).split('.');
    return attribute(logicalId, rest.join('.'), stack, names);
  },
  'Fn::Join': (argument, stack, names) => {
    const [separator, parts] = list(argument);
    return list(resolve(parts, stack, names))
      .map(text)
      .join(text(separator));
  },
  'Fn::Split': (argument, stack, names) => {
    const [separator, whole] = list(argument);
    return text(resolve(whole, stack, names)).split(text(separator));
  },
  'Fn::Select': (argument, stack, names) => {
    const [index, from] = list(argument);
    return list(resolve(from, stack, names))[Number(index)];
  },
  'Fn::Sub': (argument, stack, names) => substitute(argument, stack, names),
  'Fn::ImportValue': (argument, stack, names) => {
    const name = text(resolve(argument, stack, names));
    const found = names.exported(name);
    if (!found) throw new Error(`${stack.name} imports "${name}", which no stack exports`);
    return resolve(found.value, found.stack, names);
  },
};

/**
 * A template value with its intrinsics replaced by what CloudFormation would put there.
 * @throws on an intrinsic, a reference or an attribute that is not known, naming the stack.
 */
export function resolve(value: unknown, stack: Stack, names: Names): unknown {
  if (Array.isArray(value))
    return value.map((each) => resolve(each, stack, names)).filter((each) => each !== undefined);
  if (!isRecord(value)) return value;
  const [key, ...others] = Object.keys(value);
  if (key !== undefined && others.length === 0 && (key === 'Ref' || key.startsWith('Fn::'))) {
    const intrinsic = INTRINSICS[key];
    if (!intrinsic)
      throw new Error(`${stack.name} uses ${key}, which the local runner does not know`);
    return intrinsic(value[key], stack, names);
  }
  return resolveMembers(value, stack, names);
}

function resolveMembers(value: JsonObject, stack: Stack, names: Names): JsonObject {
  const members = Object.entries(value).map(
    ([key, member]) => [key, resolve(member, stack, names)] as const,
  );
  return Object.fromEntries(members.filter(([, member]) => member !== undefined));
}

function list(value: unknown): unknown[] {
  if (Array.isArray(value)) return value;
  throw new Error(`expected a list in a template, got ${JSON.stringify(value)}`);
}

function reference(name: string, stack: Stack, names: Names): unknown {
  // The way templates leave a property out.
  if (name === 'AWS::NoValue') return undefined;
  const pseudo = names.pseudo(name, stack);
  if (pseudo !== undefined) return pseudo;
  if (Object.hasOwn(stack.template.Resources, name)) return names.ref(stack, name);
  return parameter(name, stack, names);
}

function parameter(name: string, stack: Stack, names: Names): unknown {
  const declared = stack.template.Parameters[name];
  if (!declared)
    throw new Error(
      `${stack.name} refers to "${name}", which is neither a resource nor a parameter`,
    );
  if (stack.parent) {
    const given =
      stack.parent.stack.template.Resources[stack.parent.logicalId]?.Properties['Parameters'];
    if (isRecord(given) && Object.hasOwn(given, name))
      return resolve(given[name], stack.parent.stack, names);
  }
  return declared.Default;
}

function attribute(logicalId: string, name: string, stack: Stack, names: Names): unknown {
  const nested = names.nested(stack, logicalId);
  if (!nested) return names.attribute(stack, logicalId, name);
  const output = nested.template.Outputs[name.replace(/^Outputs\./, '')];
  if (!output)
    throw new Error(`${stack.name} reads ${name} of ${nested.name}, which has no such output`);
  return resolve(output.Value, nested, names);
}

function substitute(argument: unknown, stack: Stack, names: Names): string {
  const [template, variables] = Array.isArray(argument) ? argument : [argument, {}];
  return text(template).replaceAll(/\$\{([^!}][^}]*)\}/g, (_, name: string) => {
    if (isRecord(variables) && Object.hasOwn(variables, name))
      return text(resolve(variables[name], stack, names));
    const [logicalId = '', ...rest] = name.split('.');
    return text(
      rest.length > 0
        ? attribute(logicalId, rest.join('.'), stack, names)
        : reference(name, stack, names),
    );
  });
}
