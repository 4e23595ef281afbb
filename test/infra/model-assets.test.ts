import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { deliveryTime } from '../../functions/models/delivery-time.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { synthesize as synthesizeApart } from '../../infra/local/synthesize.ts';
import { readModelSpecs } from '../../infra/model-specs.ts';
import { objectOf, type Synthesized, synthesize, textOf } from '../builders/templates.ts';
import { temporaryFolder } from '../builders/temporary-folder.ts';

const specs = await readModelSpecs();
const app = synthesize(specs);
afterAll(() => app[Symbol.dispose]());

/** Asset by function: an asset's name is the hash of its content. */
const assetsOf = (synthesized: Synthesized): Record<string, string> =>
  Object.fromEntries(
    synthesized
      .of('AWS::Lambda::Function')
      .map(({ name, properties }) => [name, textOf(objectOf(properties['Code'])['S3Key'])]),
  );

describe('the asset of', () => {
  const folderOf = (name: string): string => {
    const found = app.of('AWS::Lambda::Function').find((each) => each.name === name);
    return app.assetFolder(found?.properties['Code']);
  };
  const contentOf = (name: string) => {
    const folder = folderOf(name);
    return readdirSync(folder)
      .toSorted()
      .map((file) =>
        file.endsWith('.json')
          ? [file, JSON.parse(readFileSync(join(folder, file), 'utf8'))]
          : [file],
      );
  };

  test.each([
    ['cardfraud', cardFraud],
    ['deliverytime', deliveryTime],
    ['searchranking', searchRanking],
  ])('%s is the bundle and the spec of that model, for server and shadow', (nested, spec) => {
    const content = [['index.cjs'], ['spec.json', spec]];
    expect([contentOf(`${nested}/Server`), contentOf(`${nested}/Shadow`)]).toEqual([
      content,
      content,
    ]);
  });

  test('what belongs to no model is the bundle and all specs', () => {
    expect(contentOf('delivery/ServeCatalog')).toEqual([['index.cjs'], ['specs.json', specs]]);
  });
});

test('an edited spec changes the assets of its model, and of what knows all models', () => {
  using edited = synthesize(
    specs.map((spec) =>
      spec.name === 'delivery-time' ? { ...spec, description: 'Minutes to the door.' } : spec,
    ),
  );
  const before = assetsOf(app);
  const after = assetsOf(edited);
  expect(Object.keys(after).filter((name) => after[name] !== before[name])).toEqual([
    'delivery/PromoteAnnounceChanges',
    'delivery/PromoteOperatorApi',
    'delivery/RecordLogged',
    'delivery/RecordRetrying',
    'delivery/RecordOutcomes',
    'delivery/ServeCatalog',
    'delivery/CurateImport',
    'delivery/CurateExport',
    'delivery/CurateSnapshot',
    'delivery/CurateAnnounce',
    'delivery/CurateDatasetApi',
    'delivery/EvaluateDatasetEvaluation',
    'delivery/EvaluateValidationMoved',
    'delivery/EvaluateScheduledHoursDue',
    'delivery/EvaluateScheduledDriftDue',
    'promotions/smoketest',
    'promotions/testperformance',
    'promotions/replaytraffic',
    'promotions/evaluateoffline',
    'promotions/openplace',
    'promotions/look',
    'promotions/askapproval',
    'promotions/crown',
    'promotions/conclude',
    'promotions/Ended',
    'promotions/Rang',
    'deliverytime/Server',
    'deliverytime/Shadow',
    'deliverytime/Trial',
  ]);
});

/** In a process of its own: CDK sorts parameters by how many tokens the process has made before. */
async function templatesApart(): Promise<Record<string, string>> {
  await using made = await temporaryFolder();
  await synthesizeApart(made.folder);
  return Object.fromEntries(
    readdirSync(made.folder)
      .filter((file) => file.endsWith('.template.json'))
      .map((file) => [file, readFileSync(join(made.folder, file), 'utf8')]),
  );
}

test('two processes synthesize the same templates, byte for byte', async () => {
  const [one, other] = await Promise.all([templatesApart(), templatesApart()]);
  expect(Object.keys(one).length).toBe(app.templates.length);
  expect(other).toEqual(one);
});
