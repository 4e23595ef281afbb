import { createSecretKey } from 'node:crypto';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { datasetColumns } from '../../functions/contracts/dataset-columns.ts';
import { featuresOf } from '../../functions/contracts/feature.ts';
import { DatasetBuild } from '../../functions/curate/dataset-build.ts';
import { csvCell } from '../../functions/curate/exported-rows.ts';
import { type Importer, runImport } from '../../functions/curate/import-dataset.ts';
import { sharedDigests } from '../../functions/curate/leakage.ts';
import { unitsOf } from '../../functions/curate/recorded-units.ts';
import { differenceOf } from '../../functions/curate/row-difference.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { keyedHash } from '../../functions/runtime/sealing.ts';
import { logInstances, logPolicies } from '../../functions/serve/logged-question.ts';
import { aModel } from '../builders/model-spec.ts';
import { accepted, importContent, rowsOf, temporaryFolder } from './dataset-files.ts';

const secret = createSecretKey(Buffer.from('the stage secret'));
const hash = (text: string): string => keyedHash(secret, text);
const none = new Uint8Array();

type Fields = Readonly<Record<string, unknown>>;
const { instances } = cardFraud.example as { instances: readonly Fields[] };
const [transaction = {}] = instances;

/** What serving logs of a transaction with each card becomes a set. */
function snapshotOf(...cards: readonly unknown[]) {
  const columns = datasetColumns(cardFraud);
  const sent = cards.map((cardId) => ({ ...transaction, cardId }));
  const { asked, withheld } = logInstances(logPolicies(cardFraud), hash, sent);
  const request = { predictionId: 'p', at: '2026-11-01T00:00:00.000Z', arm: 'champion' };
  const units = unitsOf(cardFraud, columns, { ...request, asked, withheld }, new Map(), () => {});
  const { entityKeys } = cardFraud;
  const build = new DatasetBuild({ columns, entityKeys, folder: temporaryFolder() });
  for (const { rows } of units) for (const row of rows) build.add(row);
  return build.finish();
}

const linesOf = (rows: readonly Fields[]): string =>
  rows.map((row) => JSON.stringify(row)).join('\n');

/** A file of one transaction with each card, as a team has them. */
const importOf = (cards: readonly unknown[], more: Fields = {}) =>
  accepted(
    linesOf(cards.map((cardId) => ({ ...transaction, class: 'fraud', cardId, ...more }))),
    cardFraud,
    { hash },
  );

const cardsOf = ({ digests }: { digests: ReadonlyMap<string, Uint8Array> }): Uint8Array =>
  digests.get('cardId') ?? none;

describe('a card that the log holds hashed', () => {
  test('is the same in a file and in a snapshot, and another card is another', async () => {
    const validation = snapshotOf('card-1', 'card-2', 17);
    const shared = async (...cards: unknown[]) =>
      sharedDigests(cardsOf(await importOf(cards)), cardsOf(validation));
    expect(await shared('card-0', 'card-2')).toEqual({
      count: 1,
      examples: [{ trainingRow: 2, validationRow: 2 }],
    });
    expect((await shared(17)).count).toBe(1);
    expect((await shared('17')).count).toBe(1);
    expect((await shared('card-3', null)).count).toBe(0);
  });

  test('pairs the rows of a file with those of a snapshot where the two are compared', async () => {
    const sides = [await importOf(['card-1', 'card-2']), snapshotOf('card-2', 'card-3')] as const;
    const [before, after] = sides.map((side) => ({
      rows: side.digests.get('#rows') ?? none,
      entities: cardsOf(side),
    }));
    expect(before && after && differenceOf(before, after)).toEqual({
      unchanged: 0,
      added: [1],
      removed: [0],
      changed: [{ before: 1, after: 0 }],
    });
  });

  test('is still the same once the export of a snapshot was corrected and imported', async () => {
    const validation = snapshotOf('card-1', 'card-2');
    const rows = await rowsOf(validation.file);
    const corrected = rows.slice(1).map((row) => ({ ...row, class: 'fraud' }));
    const training = await accepted(linesOf(corrected), cardFraud, { hash });
    expect(sharedDigests(cardsOf(training), cardsOf(validation))).toEqual({
      count: 1,
      examples: [{ trainingRow: 1, validationRow: 2 }],
    });
  });

  test('is the same where a team put its plain name beside a prediction', async () => {
    const training = await importOf(['card-1'], { predictionId: 'p' });
    expect(sharedDigests(cardsOf(training), cardsOf(snapshotOf('card-1'))).count).toBe(1);
  });

  test('changes neither what is stored of a file nor the digests of its rows', async () => {
    const plain = { ...cardFraud, entityKeys: [] };
    const content = linesOf([{ ...transaction, class: 'fraud', cardId: 'card-1' }]);
    const [one, other] = [
      await accepted(content, cardFraud, { hash }),
      await accepted(content, plain),
    ];
    expect([one.digest, one.rowsDigest]).toEqual([other.digest, other.rowsDigest]);
    expect(one.digests.get('#rows')).toEqual(other.digests.get('#rows'));
    expect(await rowsOf(one.file)).toMatchObject([{ cardId: 'card-1' }]);
  });
});

test('what is hashed of a value is the same text in serving and in a file of either kind', async () => {
  const { category, identifier } = featuresOf();
  const hashed = { required: false, log: 'hash' } as const;
  const { features } = aModel();
  const entityKeys = ['card', 'zone'];
  const spec = aModel('m', {
    features: [
      ...features,
      identifier('card', 'A card.', hashed),
      category('zone', ['north'], 'A category.', hashed),
    ],
    entityKeys,
  });
  const name = fc.string({ minLength: 1, maxLength: 20, unit: 'grapheme' });
  const row = fc.record({
    card: fc.oneof(name, fc.maxSafeInteger()),
    zone: name,
  });
  const textsOf = async (use: (note: (text: string) => string) => unknown) => {
    const texts: string[] = [];
    await use((text) => (texts.push(text), text));
    return texts;
  };
  await fc.assert(
    fc.asyncProperty(fc.array(row, { minLength: 1 }), async (rows) => {
      const sent = rows.map((each) => JSON.parse(JSON.stringify(each)) as Fields);
      const served = await textsOf((note) => logInstances(logPolicies(spec), note, sent));
      expect(served).toHaveLength(rows.length * entityKeys.length);
      const lines = linesOf(rows.map((each) => ({ ...each, y: 1 })));
      expect(await textsOf((note) => accepted(lines, spec, { hash: note }))).toEqual(served);
      const cells = rows.map(({ card, zone }) =>
        [card, zone, 1].map((cell) => csvCell(cell, false)).join(','),
      );
      const csv = `${entityKeys.join(',')},y\n${cells.join('\n')}\n`;
      expect(await textsOf((note) => accepted(csv, spec, { hash: note }))).toEqual(served);
    }),
    { numRuns: 30 },
  );
});

describe('without the hash', () => {
  const content = linesOf([{ ...transaction, class: 'fraud' }]);

  test('no file of such a model is read', async () => {
    await expect(importContent(content, cardFraud)).rejects.toThrow(
      'card-fraud logs cardId hashed, and there is no hash to compare by',
    );
  });

  test('an import fails, to be tried again, and neither keeps nor says anything', async () => {
    const importer = {
      specs: [cardFraud],
      table: { findImport: async () => ({ model: 'card-fraud', state: { kind: 'running' } }) },
      store: {},
      events: {},
      disk: temporaryFolder(),
      logHash: async () => {
        throw new Error('KMS is down');
      },
    } as unknown as Importer;
    await expect(runImport({ model: 'card-fraud', importId: 'i' }, importer)).rejects.toThrow(
      'KMS is down',
    );
  });
});
