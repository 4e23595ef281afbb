import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { buildApp } from './assembly.ts';

export type Json = string | number | boolean | null | Json[] | { [name: string]: Json };
export type Properties = Readonly<Record<string, Json>>;

export interface Template {
  readonly name: string;
  /** As CloudFormation gets it. */
  readonly body: string;
  readonly resources: readonly Resource[];
  readonly counts: Readonly<Record<'Resources' | 'Outputs' | 'Parameters', number>>;
  readonly names: readonly string[];
}

export interface Resource {
  /** `stateful/Key`: the template's short name and the logical id without its hash. */
  readonly name: string;
  readonly type: string;
  /** References are written `<stateful/Key.Arn>`, whichever stack they lead to. */
  readonly properties: Properties;
  readonly deletionPolicy: string | undefined;
}

interface Raw {
  Resources: Record<string, { Type: string; Properties?: Properties; DeletionPolicy?: string }>;
  Outputs?: Record<string, { Value: Json; Export?: { Name: string } }>;
  Parameters?: Properties;
}

interface Source {
  readonly name: string;
  readonly body: string;
  readonly raw: Raw;
  /** What the parent gives a nested template, and where the parent's own references lead. */
  readonly given: { readonly parent: Source; readonly parameters: Properties } | undefined;
  /** By the logical id in this template. */
  readonly nested: Map<string, Source>;
}

export interface Synthesized {
  readonly templates: readonly Template[];
  readonly resources: readonly Resource[];
  of(type: string): Resource[];
  /** Folder of the asset that a function or layer is made of. */
  assetFolder(code: Json | undefined): string;
  [Symbol.dispose](): void;
}

/**
 * Synthesizes the app in a folder of its own and reads every template, nested ones too.
 * @param settings as given by `-c`.
 */
export function synthesize(
  specs: readonly ModelSpec[],
  settings: Readonly<Record<string, unknown>> = {},
): Synthesized {
  const folder = mkdtempSync(join(tmpdir(), 'slipway-synth-'));
  const { app, stateful, delivery, operations } = buildApp(specs, folder, settings);
  app.synth();
  const sources = [stateful, delivery, operations].flatMap((stack) =>
    readSources(folder, `${stack.stackName}.template.json`, {
      name: stack.stackName.split('-').at(-1) ?? '',
      assets: assetsOf(folder, stack.stackName),
    }),
  );
  const exports = new Map(sources.flatMap((source) => exportsOf(source)));
  const templates = sources.map((source) => readTemplate(source, exports));
  const resources = templates.flatMap((template) => template.resources);
  return {
    templates,
    resources,
    of: (type) => resources.filter((resource) => resource.type === type),
    assetFolder: (code) =>
      join(folder, `asset.${textOf(objectOf(code)['S3Key'])}`.replace(/\.zip$/, '')),
    [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }),
  };
}

export const objectOf = (value: Json | undefined): Record<string, Json> =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? value : {};
export const listOf = (value: Json | undefined): Json[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value];
export function textOf(value: Json | undefined): string {
  if (typeof value === 'string') return value;
  throw new Error(`expected a text, got ${JSON.stringify(value)}`);
}

type Assets = ReadonlyMap<string, string>;

/** Path in the assembly by the hash that templates name. */
function assetsOf(folder: string, stack: string): Assets {
  const manifest = JSON.parse(readFileSync(join(folder, `${stack}.assets.json`), 'utf8'));
  const files: [string, { source: { path: string } }][] = Object.entries(manifest.files);
  return new Map(files.map(([hash, { source }]) => [hash, source.path]));
}

function readSources(
  folder: string,
  file: string,
  { name, assets, given }: { name: string; assets: Assets; given?: Source['given'] },
): Source[] {
  const body = readFileSync(join(folder, file), 'utf8');
  const raw: Raw = JSON.parse(body);
  const source: Source = { name, body, raw, given, nested: new Map() };
  const below = Object.entries(raw.Resources).flatMap(([id, { Type, Properties = {} }]) => {
    if (Type !== 'AWS::CloudFormation::Stack') return [];
    const [hash = ''] =
      /[0-9a-f]{64}(?=\.json)/.exec(JSON.stringify(Properties['TemplateURL'])) ?? [];
    const [child, ...others] = readSources(folder, assets.get(hash) ?? '', {
      name: nestedName(id, name),
      assets,
      given: { parent: source, parameters: objectOf(Properties['Parameters']) },
    });
    if (!child) return [];
    source.nested.set(id, child);
    return [child, ...others];
  });
  return [source, ...below];
}

type Exports = ReadonlyMap<string, { readonly source: Source; readonly value: Json }>;

const exportsOf = (source: Source): [string, { source: Source; value: Json }][] =>
  Object.values(source.raw.Outputs ?? {}).flatMap(({ Value, Export }) =>
    Export ? [[Export.Name, { source, value: Value }]] : [],
  );

function readTemplate(source: Source, exports: Exports): Template {
  const { name, body, raw } = source;
  const { Resources, Outputs = {}, Parameters = {} } = raw;
  const count = (members: object) => Object.keys(members).length;
  return {
    name,
    body,
    counts: {
      Resources: count(Resources),
      Outputs: count(Outputs),
      Parameters: count(Parameters),
    },
    names: [
      ...[Resources, Outputs, Parameters].flatMap((members) => Object.keys(members)),
      ...Object.values(Outputs).flatMap(({ Export }) => (Export ? [Export.Name] : [])),
    ],
    resources: Object.entries(Resources).map(([id, { Type, Properties = {}, DeletionPolicy }]) => ({
      name: `${name}/${withoutHash(id)}`,
      type: Type,
      properties: objectOf(plain(Properties, source, exports)),
      deletionPolicy: DeletionPolicy,
    })),
  };
}

const withoutHash = (logicalId: string): string => logicalId.replace(/[0-9A-F]{8}$/, '');

/** A value with its intrinsic functions written out. */
function plain(value: Json, source: Source, exports: Exports): Json {
  if (Array.isArray(value)) return value.map((each) => plain(each, source, exports));
  if (typeof value !== 'object' || value === null) return value;
  const [[intrinsic, argument] = ['', null], ...others] = Object.entries(value);
  const write = INTRINSICS[intrinsic];
  if (write && others.length === 0) return write(argument, source, exports);
  return Object.fromEntries(
    Object.entries(value).map(([key, each]) => [key, plain(each, source, exports)]),
  );
}

type Write = (argument: Json, source: Source, exports: Exports) => Json;

const INTRINSICS: Readonly<Record<string, Write>> = {
  Ref(argument, source, exports) {
    const name = textOf(argument);
    const { given } = source;
    const passed = given?.parameters[name];
    if (given && passed !== undefined) return plain(passed, given.parent, exports);
    return name.startsWith('AWS::') ? `<${name}>` : `<${source.name}/${withoutHash(name)}>`;
  },
  'Fn::GetAtt'(argument, { name, nested }, exports) {
    const [id, attribute] = listOf(argument).map(textOf);
    const child = nested.get(id ?? '');
    const output = child?.raw.Outputs?.[attribute?.replace('Outputs.', '') ?? ''];
    if (child && output) return plain(output.Value, child, exports);
    return `<${name}/${withoutHash(id ?? '')}.${attribute}>`;
  },
  'Fn::ImportValue'(argument, _source, exports) {
    const name = textOf(argument);
    const found = exports.get(name);
    if (!found) throw new Error(`no stack exports ${name}`);
    return plain(found.value, found.source, exports);
  },
  'Fn::Join'(argument, source, exports) {
    const [separator, parts] = listOf(argument);
    return listOf(parts)
      .map((part) => textOf(plain(part, source, exports)))
      .join(textOf(separator));
  },
  'Fn::Sub': (argument) => argument,
};

/** `m` for what serves a model or watches it, `promotions` and `promote/m` for the ways to production. */
function nestedName(id: string, parent: string): string {
  if (/^PromoteMachines.*NestedStack/.test(id)) return 'promotions';
  const [, model = id] = /^(?:Serve|Evaluate)?(.+?)NestedStack/.exec(id) ?? [];
  return parent === 'promotions' ? `promote/${model}` : model;
}
