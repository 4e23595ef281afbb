import { describe, expect, test } from 'vitest';
import type { DatasetDigest, Pointer, PointerName } from '../../functions/contracts/dataset.ts';
import { type CellValue, datasetColumns } from '../../functions/contracts/dataset-columns.ts';
import { DatasetBuild } from '../../functions/curate/dataset-build.ts';
import { type Importer, keepDataset } from '../../functions/curate/import-dataset.ts';
import { sharedDigests } from '../../functions/curate/leakage.ts';
import { movePointer, type PointerStores } from '../../functions/curate/pointer-move.ts';
import { searchRanking } from '../../functions/models/search-ranking.ts';
import { aModel } from '../builders/model-spec.ts';
import { ManualClock } from '../builders/route.ts';
import { temporaryFolder } from './dataset-files.ts';

const none = new Uint8Array();

describe('a set that was imported before a feature was an entity key', () => {
  const spec = aModel('small', { entityKeys: ['a'] });
  const move = (override?: { reason: string }) => {
    const digestsOf: Readonly<Record<string, Uint8Array>> = {
      'old #rows': none,
      'new #rows': none,
      'new a': none,
    };
    const stores = {
      pointers: {
        read: async (_model: string, pointer: PointerName) =>
          pointer === 'training' ? { digest: 'old', epoch: 1 } : undefined,
        move: async (_moved: Pointer) => true,
      },
      table: { find: async () => ({}) },
      store: {
        readDigests: async (_model: string, digest: DatasetDigest, name: string) =>
          digestsOf[`${digest} ${name}`],
        readProfile: async () => ({ columns: [] }),
      },
      announce: async () => {},
      clock: new ManualClock(),
    };
    const asked = { pointer: 'validation', expectedEpoch: 0, reason: 'first', by: 'me' } as const;
    return movePointer(
      spec,
      { ...asked, digest: 'new' as DatasetDigest, override },
      stores as unknown as PointerStores,
    );
  };

  test('blocks the pointer, since nobody can say what the two share', async () => {
    await expect(move()).rejects.toMatchObject({
      status: 409,
      code: 'LEAKAGE',
      details: [
        'whether the two share a a cannot be checked: the training version was imported before a was an entity key; import it again',
      ],
    });
  });

  test('may be overridden with a reason, and the finding stays', async () => {
    await expect(move({ reason: 'other customers' })).resolves.toMatchObject({
      findings: [{ kind: 'unchecked-entities', key: 'a', of: ['training'] }],
      override: { reason: 'other customers' },
    });
  });

  test('can be checked once it is imported again', async () => {
    const kept: unknown[] = [];
    const columns = datasetColumns(spec);
    const { entityKeys } = spec;
    const build = new DatasetBuild({ columns, entityKeys, folder: temporaryFolder() });
    build.add(columns.map(({ kind }) => (kind === 'number' ? 1 : null)));
    const known = { digest: 'known' };
    const parts = {
      store: {
        keepDigests: async (_model: string, { digests }: { digests: Map<string, unknown> }) =>
          kept.push(...digests.keys()),
      },
      table: { find: async () => known },
    };
    const draft = {} as Parameters<typeof keepDataset>[2];
    const version = keepDataset(spec, build.finish(), draft, parts as unknown as Importer);
    await expect(version).resolves.toBe(known);
    expect(kept).toEqual(['#rows', 'a']);
  });
});

test('one search that two snapshots saw is shared, though each asked about it on its own', () => {
  const columns = datasetColumns(searchRanking);
  const digestsOf = (queryId: string, predictionId: string | null) => {
    const given: Readonly<Record<string, CellValue>> = { queryId, predictionId };
    const build = new DatasetBuild({
      columns,
      entityKeys: ['queryId'],
      folder: temporaryFolder(),
      isKept: (at) => Object.hasOwn(given, columns[at]?.name ?? ''),
    });
    build.add(columns.map(({ name }) => given[name] ?? null));
    return build.finish().digests.get('queryId') ?? none;
  };
  const training = digestsOf('search-7#p1', 'p1');
  expect(sharedDigests(training, digestsOf('search-7#p2', 'p2')).count).toBe(1);
  expect(sharedDigests(training, digestsOf('search-7', null)).count).toBe(1);
  expect(sharedDigests(training, digestsOf('search-8#p2', 'p2')).count).toBe(0);
});
