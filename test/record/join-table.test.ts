import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest';
import type { KeptRegister } from '../../functions/record/join.ts';
import { JoinTable } from '../../functions/record/join-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { modelTable, startTables } from '../builders/model-table.ts';
import { START_MS } from '../builders/route.ts';

const EXPIRES = Math.floor(START_MS / 1000) + 3600;
const at = (second: number) => instantOf(START_MS + second * 1000);
const aRegister = (over: Partial<KeptRegister> = {}): KeptRegister => ({
  slot: 'row:0',
  caller: 'key',
  outcome: 12,
  observedAt: at(0),
  ...over,
});

let tables: Awaited<ReturnType<typeof startTables>>;
let joins: JoinTable;
let id = '';
let ids = 0;
beforeAll(async () => {
  tables = await startTables(modelTable('joins', 'predictionId', 'sk'));
  joins = new JoinTable(tables.documents, 'joins');
});
beforeEach(() => {
  ids += 1;
  id = `p${ids}`;
});
afterAll(() => tables[Symbol.asyncDispose]());

const put = (register: KeptRegister, isWaiting = false) =>
  joins.putRegister(id, register, isWaiting, EXPIRES);

test('of a slot’s registers the first is created, a later one replaces it, an older one writes nothing', async () => {
  expect(await put(aRegister())).toBe('created');
  expect(await put(aRegister())).toBe('outranked');
  expect(await put(aRegister({ outcome: 13, observedAt: at(1) }))).toBe('replaced');
  expect(await put(aRegister({ outcome: 14 }))).toBe('outranked');
  expect((await joins.read(id)).registers).toEqual([
    { ...aRegister({ outcome: 13, observedAt: at(1) }), hasWaited: false, isRefused: false },
  ]);
});

test('of writers at the same time one creates', async () => {
  const written = await Promise.all(Array.from({ length: 8 }, () => put(aRegister())));
  expect(written.filter((each) => each === 'created')).toHaveLength(1);
});

test('what waits has a register for each value, beside the one that joins', async () => {
  expect(await put(aRegister(), true)).toBe('created');
  expect(await put(aRegister({ outcome: 'twelve', observedAt: at(1) }), true)).toBe('created');
  expect(await put(aRegister())).toBe('created');
  const { registers } = await joins.read(id);
  expect(registers.map(({ outcome, hasWaited }) => [outcome, hasWaited])).toEqual(
    expect.arrayContaining([
      [12, true],
      ['twelve', true],
      [12, false],
    ]),
  );
});

test('what waited in vain is refused once, until it is said again', async () => {
  const wrong = aRegister({ outcome: 'twelve' });
  await put(wrong, true);
  const refusals = await Promise.all(
    Array.from({ length: 4 }, () => joins.refuseRegister(id, wrong, EXPIRES)),
  );
  expect(refusals.filter(Boolean)).toHaveLength(1);
  expect((await joins.read(id)).registers).toMatchObject([{ hasWaited: true, isRefused: true }]);
  const again = { ...wrong, observedAt: at(1) };
  expect(await put(again, true)).toBe('replaced');
  expect(await joins.refuseRegister(id, wrong, EXPIRES)).toBe(false);
  expect(await joins.refuseRegister(id, again, EXPIRES)).toBe(true);
});
