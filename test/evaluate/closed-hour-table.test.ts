import { afterAll, beforeAll, expect, test } from 'vitest';
import { ClosedHourTable } from '../../functions/evaluate/closed-hour-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { modelTable, startTables } from '../builders/model-table.ts';

let tables: Awaited<ReturnType<typeof startTables>>;
let hours: ClosedHourTable;
beforeAll(async () => {
  tables = await startTables(modelTable('evaluations', 'model', 'sk'));
  hours = new ClosedHourTable(tables.documents, 'evaluations');
});
afterAll(() => tables[Symbol.asyncDispose]());

const aFact = (model: string, hour: string, predictions: number) => ({
  at: instantOf(0),
  model,
  hour,
  predictions,
  rows: predictions,
  scored: predictions,
  labelled: 0,
  metrics: {},
  undefinedMetrics: {},
});

test('an hour is closed by one run, and told of when that is said', async () => {
  const closing = () => hours.close({ fact: aFact('m', '2026-11-23T18', 3), arms: {} });
  const written = await Promise.all([closing(), closing()]);
  expect(written.filter(Boolean)).toHaveLength(1);
  await hours.close({ fact: aFact('m', '2026-11-23T19', 0), arms: {} });
  const closed = () => hours.closed('m', '2026-11-23T18', '2026-11-23T19');
  expect([...(await closed())]).toEqual([
    ['2026-11-23T18', false],
    // Nobody needs to hear of an hour without predictions.
    ['2026-11-23T19', true],
  ]);
  await hours.setTold('m', '2026-11-23T18');
  expect((await closed()).get('2026-11-23T18')).toBe(true);
});

test('the hour up to which all are closed goes forwards only', async () => {
  expect(await hours.closedUpTo('n')).toBe(undefined);
  await hours.setClosedUpTo('n', '2026-11-23T18');
  await hours.setClosedUpTo('n', '2026-11-23T09');
  expect(await hours.closedUpTo('n')).toBe('2026-11-23T18');
  await hours.setClosedUpTo('n', '2026-11-24T00');
  expect(await hours.closedUpTo('n')).toBe('2026-11-24T00');
});
