import { readdirSync, readFileSync } from 'node:fs';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { describe, expect, test } from 'vitest';
import { readModelSpecs } from '../../infra/model-specs.ts';
import { synthesize } from '../builders/templates.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const functions = join(import.meta.dirname, '../../functions');
const models = join(functions, 'models');

/** A folder like `functions/models/`, whose files import the contracts of this project. */
async function modelFolder(files: Readonly<Record<string, string>>) {
  const temporary = await temporaryFolder();
  const folder = join(temporary.folder, 'models');
  await mkdir(folder);
  const contracts = pathToFileURL(join(functions, 'contracts')).href;
  for (const [name, source] of Object.entries(files))
    await writeFile(join(folder, name), source.replaceAll("'../contracts", `'${contracts}`));
  return { folder, [Symbol.asyncDispose]: () => temporary[Symbol.asyncDispose]() };
}

const shipped = Object.fromEntries(
  readdirSync(models).map((name) => [name, readFileSync(join(models, name), 'utf8')]),
);
/** The spec of delivery times under another name, with one text replaced. */
const likeDeliveryTime = (from = '', to = ''): string =>
  (shipped['delivery-time.ts'] ?? '')
    .replace("name: 'delivery-time'", "name: 'parcel-time'")
    .replace('deliveryTime', 'parcelTime')
    .replace(from, to);

test('one more file in functions/models serves one more model', async () => {
  await using more = await modelFolder({ ...shipped, 'parcel-time.ts': likeDeliveryTime() });
  const specs = await readModelSpecs(more.folder);
  expect(specs.map(({ name }) => name)).toEqual([
    'card-fraud',
    'delivery-time',
    'parcel-time',
    'search-ranking',
  ]);
  using app = synthesize(specs);
  const namesOf = (type: string) => app.of(type).map(({ name }) => name);
  expect(namesOf('AWS::Lambda::Function')).toEqual(
    expect.arrayContaining(['parceltime/Server', 'parceltime/Shadow']),
  );
  expect(namesOf('AWS::ApiGateway::Method')).toEqual(
    expect.arrayContaining([
      'delivery/ApiRestv1modelsparceltimeproxyANY',
      'delivery/ApiRestv2modelsparceltimeANY',
      'delivery/ApiRestv2modelsparceltimeproxyANY',
    ]),
  );
});

describe('a model file is refused', () => {
  const refusalOf = async (files: Readonly<Record<string, string>>): Promise<string> => {
    await using folder = await modelFolder(files);
    return await readModelSpecs(folder.folder).then(
      () => 'not refused',
      (error: unknown) => String(error).replaceAll(folder.folder, 'models'),
    );
  };

  test('for a misspelt key, with its path and the keys there are', async () => {
    expect(
      await refusalOf({ 'parcel-time.ts': likeDeliveryTime('memoryMb: 1769', 'memoryMB: 1769') }),
    ).toMatch(
      /models\/parcel-time\.ts[^]*runtime: unknown key "memoryMB"; allowed: kind, memoryMb, timeoutSeconds, /,
    );
  });

  test('for a misspelt key deep inside, with its path', async () => {
    expect(
      await refusalOf({
        'parcel-time.ts': likeDeliveryTime('silenceMinutes: 60', 'silenceMinuts: 60'),
      }),
    ).toMatch(/monitoring\.objectives\.0: unknown key "silenceMinuts"; allowed: /);
  });

  test('for a name that another file has', async () => {
    expect(await refusalOf({ 'one.ts': likeDeliveryTime(), 'two.ts': likeDeliveryTime() })).toBe(
      'Error: two files in models describe a model named "parcel-time"',
    );
  });

  test('for exporting more than its spec', async () => {
    expect(
      await refusalOf({ 'parcel-time.ts': `${likeDeliveryTime()}\nexport const other = 1;` }),
    ).toBe('Error: models/parcel-time.ts exports 2 values; a model file exports its spec only');
  });
});
