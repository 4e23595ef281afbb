import { UpdateCommand } from '@aws-sdk/lib-dynamodb';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { shardOf, slotKey } from '../../functions/record/join-keys.ts';
import { type Contribution, type Exposure, UnitTable } from '../../functions/record/unit-table.ts';
import { instantOf } from '../../functions/runtime/clock.ts';
import { modelTable, startTables } from '../builders/model-table.ts';

const START_MS = Date.UTC(2026, 10, 23, 12);
const EXPIRES = START_MS / 1000 + 86_400;
const UNIT = 'u1';

let tables: Awaited<ReturnType<typeof startTables>>;
let units: UnitTable;
beforeAll(async () => {
  tables = await startTables(modelTable('units', 'pk', 'sk'));
  units = new UnitTable(tables.documents, 'units');
});
afterAll(() => tables[Symbol.asyncDispose]());

async function listed<Value>(all: AsyncIterable<Value>): Promise<Value[]> {
  const list: Value[] = [];
  for await (const each of all) list.push(each);
  return list;
}
const exposuresOf = (promotion: string): Promise<Exposure[]> =>
  listed(units.exposures(promotion, shardOf(UNIT)));

/** A request of the unit at a second, as it is told of by its own line and by its shadow's. */
interface Asked {
  readonly id: string;
  readonly second: number;
  readonly arm: 'champion' | 'challenger';
  readonly covariate: number;
}
type Write = (promotion: string) => Promise<void>;

const writesOf = ({ id, second, arm, covariate }: Asked): Write[] => {
  const at = instantOf(START_MS + second * 1000);
  const exposed: Write = (promotion) =>
    units.expose({ promotion, unit: UNIT, arm, firstExposedAt: at, predictionId: id }, EXPIRES);
  const shadowed: Write = (promotion) =>
    units.setCovariate(
      { promotion, unit: UNIT, predictionId: id, requestedAt: at, covariate },
      EXPIRES,
    );
  return [exposed, shadowed];
};

let promotions = 0;
async function exposureAfter(writes: readonly Write[]): Promise<Exposure | undefined> {
  promotions += 1;
  const promotion = `m-p${promotions}`;
  for (const write of writes) await write(promotion);
  return (await exposuresOf(promotion))[0];
}

describe('the covariate of a unit', () => {
  const first: Asked = { id: 'p1', second: 0, arm: 'challenger', covariate: 7 };
  const second: Asked = { id: 'p2', second: 9, arm: 'challenger', covariate: 8 };

  test('is what the shadow said of its first request, whichever of the two is recorded first', async () => {
    const writes = writesOf(first);
    expect(await exposureAfter(writes)).toMatchObject({ covariate: 7, arm: 'challenger' });
    expect(await exposureAfter(writes.toReversed())).toMatchObject({ covariate: 7 });
  });

  test('is not what the shadow said of a later one', async () => {
    const [exposed = async () => undefined] = writesOf(first);
    expect(await exposureAfter([exposed, ...writesOf(second)])).not.toHaveProperty('covariate');
  });

  test('is nobody’s while the request itself is on its way', async () => {
    const [, shadowed = async () => undefined] = writesOf(first);
    expect(await exposureAfter([shadowed])).toBeUndefined();
  });

  test('is not what the champion once answered itself, and an item that says so is read without it', async () => {
    const [exposed = async () => undefined, shadowed = async () => undefined] = writesOf(first);
    const answered: Write = async (promotion) => {
      const pk = `${promotion}#exposures#${shardOf(UNIT)}`;
      await tables.documents.send(
        new UpdateCommand({
          TableName: 'units',
          Key: { pk, sk: slotKey(UNIT) },
          UpdateExpression: 'SET covariate = :covariate',
          ExpressionAttributeValues: { ':covariate': 99 },
        }),
      );
    };
    expect(await exposureAfter([exposed, answered])).not.toHaveProperty('covariate');
    expect(await exposureAfter([exposed, answered, shadowed])).toMatchObject({ covariate: 7 });
  });

  test('is the same in any order of the lines, whichever come twice or were asked at one instant', async () => {
    const asked = fc.record({
      id: fc.uuid(),
      second: fc.integer({ min: 0, max: 3 }),
      arm: fc.constantFrom('champion', 'challenger'),
      covariate: fc.integer({ min: 0, max: 60 }),
    });
    const requests = fc.uniqueArray(asked, {
      selector: ({ id }) => id,
      minLength: 1,
      maxLength: 5,
    });
    const order = fc.infiniteStream(fc.nat());
    await fc.assert(
      fc.asyncProperty(requests, order, async (all, random) => {
        const writes = all.flatMap(writesOf);
        const twice = [...writes, ...writes]
          .map((write) => ({ write, at: random.next().value ?? 0 }))
          .toSorted((one, other) => one.at - other.at)
          .map(({ write }) => write);
        const [earliest] = all.toSorted(
          (one, other) => one.second - other.second || (one.id < other.id ? -1 : 1),
        );
        const found = await exposureAfter(twice);
        expect(found).toMatchObject({
          arm: earliest?.arm,
          covariate: earliest?.covariate,
          firstExposedAt: instantOf(START_MS + (earliest?.second ?? 0) * 1000),
          arms: [...new Set(all.map(({ arm }) => arm))].toSorted(),
        });
      }),
      { numRuns: 40 },
    );
  });
});

test('what a unit contributed is read as it was written, in its largest revision', async () => {
  const at = instantOf(START_MS);
  const row: Contribution = {
    promotion: 'm-p0',
    unit: UNIT,
    predictionId: 'p',
    row: 0,
    arm: 'champion',
    at,
    requests: 1,
    latencyMs: 12.5,
    failed: 0,
    fellBack: 0,
    revision: 0,
  };
  const scored = { ...row, revision: 2, components: { labels: 1, absoluteError: 3.25 } };
  for (const each of [row, scored, { ...row, revision: 1 }]) await units.contribute(each, EXPIRES);
  expect(await listed(units.contributions('m-p0', at.slice(0, 13), shardOf(UNIT)))).toEqual([
    scored,
  ]);
});

test('a comparison that was delivered twice is read once, in the hour of its request', async () => {
  const comparison = {
    rows: 1,
    agreed: 1,
    flipped: 0,
    scores: [[0.25, 0.5] as [number, number]],
    latencyMs: 12.5,
    failed: false,
    segments: { zone: 'north' },
  };
  const requestedAt = instantOf(START_MS);
  const compared = { promotion: 'm-p0', predictionId: 'p', requestedAt, comparison };
  await units.compare(compared, EXPIRES);
  await units.compare(compared, EXPIRES);
  const found = (hour: string) => listed(units.comparisons('m-p0', hour, shardOf('p')));
  expect(await found('2026-11-23T12')).toEqual([{ predictionId: 'p', comparison }]);
  expect(await found('2026-11-23T13')).toEqual([]);
});
