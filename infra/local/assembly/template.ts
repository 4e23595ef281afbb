import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const TemplateResource = z.looseObject({
  Type: z.string(),
  Properties: z.record(z.string(), z.unknown()).default({}),
  Metadata: z.looseObject({ 'aws:cdk:path': z.string().optional() }).optional(),
  Condition: z.string().optional(),
});

const Template = z.looseObject({
  Resources: z.record(z.string(), TemplateResource).default({}),
  Parameters: z.record(z.string(), z.looseObject({ Default: z.unknown().optional() })).default({}),
  Outputs: z
    .record(
      z.string(),
      z.looseObject({
        Value: z.unknown(),
        Export: z.looseObject({ Name: z.unknown() }).optional(),
      }),
    )
    .default({}),
});
export type Template = z.infer<typeof Template>;
export type TemplateResource = z.infer<typeof TemplateResource>;

/** https://github.com/aws/aws-cdk-cli/blob/main/packages/@aws-cdk/cloud-assembly-schema/lib/manifest.ts */
const Manifest = z.looseObject({
  artifacts: z.record(
    z.string(),
    z.looseObject({
      type: z.string(),
      displayName: z.string().optional(),
      properties: z
        .looseObject({ templateFile: z.string().optional(), file: z.string().optional() })
        .optional(),
    }),
  ),
});

const AssetManifest = z.looseObject({
  files: z
    .record(z.string(), z.looseObject({ source: z.looseObject({ path: z.string() }) }))
    .default({}),
});

/** A stack of the assembly: nested ones know whose parameters they were given. */
export interface Stack {
  readonly name: string;
  readonly template: Template;
  readonly parent?: { readonly stack: Stack; readonly logicalId: string };
}

export interface Assembly {
  readonly stacks: readonly Stack[];
  /** Folder or file of an asset, by the content hash that templates name it by. */
  readonly assets: ReadonlyMap<string, string>;
}

const readJson = (path: string): unknown => JSON.parse(readFileSync(path, 'utf8'));

/** Reads a synthesized cloud assembly: every stack, nested ones included, and where its assets lie. */
export function readAssembly(folder: string): Assembly {
  const { artifacts } = Manifest.parse(readJson(join(folder, 'manifest.json')));
  const assets = new Map<string, string>();
  for (const { type, properties } of Object.values(artifacts))
    if (type === 'cdk:asset-manifest' && properties?.file)
      readAssets(folder, properties.file, assets);
  const stacks = Object.entries(artifacts).flatMap(([id, { type, displayName, properties }]) =>
    type === 'aws:cloudformation:stack' && properties?.templateFile
      ? readStack({ name: displayName ?? id, file: join(folder, properties.templateFile) }, assets)
      : [],
  );
  return { stacks, assets };
}

function readAssets(folder: string, file: string, into: Map<string, string>): void {
  const { files } = AssetManifest.parse(readJson(join(folder, file)));
  for (const [hash, { source }] of Object.entries(files)) into.set(hash, join(folder, source.path));
}

function readStack(
  from: { name: string; file: string; parent?: Stack['parent'] },
  assets: ReadonlyMap<string, string>,
): Stack[] {
  const stack: Stack = {
    name: from.name,
    template: Template.parse(readJson(from.file)),
    ...(from.parent && { parent: from.parent }),
  };
  const nested = Object.entries(stack.template.Resources)
    .filter(([, { Type }]) => Type === 'AWS::CloudFormation::Stack')
    .flatMap(([logicalId, { Properties }]) => {
      const file = assetIn(Properties['TemplateURL'], assets);
      return readStack(
        { name: `${stack.name}-${logicalId}`, file, parent: { stack, logicalId } },
        assets,
      );
    });
  return [stack, ...nested];
}

/** The asset whose hash a property names, wherever in its intrinsics the hash stands. */
export function assetIn(property: unknown, assets: ReadonlyMap<string, string>): string {
  const hash = /[0-9a-f]{64}/.exec(JSON.stringify(property) ?? '')?.[0];
  const path = hash && assets.get(hash);
  if (!path) throw new Error(`no asset of the assembly is named by ${JSON.stringify(property)}`);
  return path;
}
