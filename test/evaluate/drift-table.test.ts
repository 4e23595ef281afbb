import { afterAll, beforeAll, expect, test } from 'vitest';
import type { DriftFound } from '../../functions/contracts/evaluation-events.ts';
import { VersionNumber } from '../../functions/contracts/version.ts';
import { DriftTable } from '../../functions/evaluate/drift-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { modelTable, startTables } from '../builders/model-table.ts';

const at = instantOf(Date.parse('2026-11-23T06:00:00Z'));
const version = VersionNumber.parse('3');
const finding = { version, since: at, lastSeenAt: at, causes: ['feature a'] };
const untold: DriftFound = {
  at,
  model: 'm',
  version,
  since: at,
  window: { from: at, to: at },
  rows: 600,
  isSample: false,
  usesOutcomes: false,
  features: [
    { name: 'a', stability: 0.4, limit: 0.2, missing: { reference: 0, current: 0 }, unseen: 0 },
  ],
  excluded: { b: 'it is sealed in the log, and not opened for this' },
};

let tables: Awaited<ReturnType<typeof startTables>>;
let table: DriftTable;
beforeAll(async () => {
  tables = await startTables(modelTable('evaluations', 'model', 'sk'));
  table = new DriftTable(tables.documents, 'evaluations');
});
afterAll(() => tables[Symbol.asyncDispose]());

test('a finding is kept with what nobody was told of, and without it afterwards', async () => {
  const never = await table.read('m');
  expect(never).toEqual({ revision: 0 });
  const kept = await table.write('m', never, { finding, untold });
  expect(kept).toEqual({ revision: 1, finding, untold });
  expect(await table.read('m')).toEqual(kept);
  await table.write('m', await table.read('m'), { finding });
  expect(await table.read('m')).toEqual({ revision: 2, finding });
});

test('of two runs that read the same one writes', async () => {
  const before = await table.read('raced');
  const written = await Promise.all([
    table.write('raced', before, { finding }),
    table.write('raced', before, { finding }),
  ]);
  expect(written.filter((each) => each !== undefined)).toHaveLength(1);
  expect(await table.write('raced', before, {})).toBe(undefined);
  expect(await table.read('raced')).toEqual({ revision: 1, finding });
});
