import { createHash } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Promotion } from '../../functions/contracts/promotion.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { addUnit, NO_UNITS, type UnitSums } from '../../functions/measures/unit-sums.ts';
import type { Look } from '../../functions/promote/look.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { contributionsTo } from '../builders/enrolled.ts';
import { exportedRows } from '../builders/exported-rows.ts';
import { candidate, startPromotion } from '../builders/promoted.ts';
import { report, untilShown } from '../builders/recorded.ts';
import { type RunningStack, serveLinear, startStack, until } from '../builders/running-stack.ts';

const HOUR_MS = 3_600_000;
const UNITS = 24;
const REQUESTS_A_UNIT = 2;
const ROWS = 10;
const SHARE = 0.1;

/** Declines a risk of `a` from 0.5 on; the challenger, which sees 0.2 less of it, from 0.7 on. */
const spec = aDecliningModel('cards');

/** A row as its caller knows it. */
interface Row {
  readonly predictionId: string;
  readonly row: number;
  readonly arm: 'champion' | 'challenger';
  readonly unit: string;
  readonly a: number;
  readonly risk: number;
  readonly decision: string;
  readonly isAcceptedAtRandom: boolean;
  /** What would come of it; the caller sees it of those alone that were let through. */
  readonly truth: 'good' | 'bad';
}

interface Snapshot {
  readonly snapshotId: string;
  readonly state: { readonly kind: string; readonly digest?: string };
}

type Answer = Pick<Row, 'risk' | 'decision'> & Partial<Pick<Row, 'isAcceptedAtRandom'>>;

/** A look at two days of units takes ten seconds here. */
const IS_FULL = process.env['SLIPWAY_FULL'] === '1';

let stack: RunningStack;
let promotion: Promotion;
const rows: Row[] = [];

beforeAll(async () => {
  stack = await startStack([spec]);
  await serveLinear(stack, spec, { weight: 1 });
});
afterAll(() => stack.dispose());

const random = seededRandom(3, 'cards');

async function ask(unit: string): Promise<void> {
  const risks = Array.from({ length: ROWS }, () => random.next());
  const { status, json } = await stack.call('POST', `/v1/models/${spec.name}/predict`, {
    unit,
    instances: risks.map((a) => ({ a })),
  });
  if (status !== 200) throw new Error(`answered ${status}`);
  const predictionId = String(json['predictionId']);
  const arm = json['arm'] as Row['arm'];
  for (const [row, answer] of (json['predictions'] as Answer[]).entries()) {
    const a = risks[row] ?? 0;
    const truth = random.next() < a ** 2 ? 'bad' : 'good';
    const { isAcceptedAtRandom = false } = answer;
    rows.push({ predictionId, row, arm, unit, a, ...answer, isAcceptedAtRandom, truth });
  }
}

/** The draw as anybody can repeat it. */
function isDrawn({ predictionId, row }: Row): boolean {
  const digest = createHash('sha256')
    .update(`${promotion.id}/accept:${predictionId}/${row}`)
    .digest();
  return Math.floor((digest.readUInt32BE(0) * 10_000) / 2 ** 32) < SHARE * 10_000;
}

const isDeclined = ({ risk }: Row): boolean => risk >= 0.5;
const reviewed: Row[] = [];
const isSeen = (row: Row): boolean => row.decision === 'good';
const chanceOf = ({ isAcceptedAtRandom }: Row): number => (isAcceptedAtRandom ? SHARE : 1);

/** Sums over the units of an arm, from what its callers saw and nothing else. */
function sumsOf(
  arm: Row['arm'],
  termsOf: (row: Row) => { readonly top: number; readonly bottom: number },
): UnitSums & { readonly accepted: number } {
  const seen = rows.filter((row) => row.arm === arm && isSeen(row));
  let [sums, accepted] = [NO_UNITS, 0];
  for (const own of Map.groupBy(seen, ({ unit }) => unit).values()) {
    const weighted = (part: 'top' | 'bottom'): number =>
      own.reduce((sum, row) => sum + termsOf(row)[part] / chanceOf(row), 0);
    if (weighted('bottom') === 0) continue;
    sums = addUnit(sums, weighted('top'), weighted('bottom'));
    accepted += Number(own.some(({ isAcceptedAtRandom }) => isAcceptedAtRandom));
  }
  return { ...sums, accepted };
}

const costOf = (row: Row) => {
  if (isDeclined(row)) return row.truth === 'good' ? 1 : 0;
  return row.truth === 'bad' ? 5 : 0;
};
const TERMS = {
  costPerThousand: (row: Row) => ({ top: costOf(row), bottom: 1 }),
  recall: (row: Row) => ({
    top: Number(row.truth === 'bad' && isDeclined(row)),
    bottom: Number(row.truth === 'bad'),
  }),
};

test('some of the declined are let through by lot, and of those who are not nothing is made up', async () => {
  // The units of one day are judged together.
  const toNextHour = HOUR_MS - (stack.clock.nowMs() % HOUR_MS);
  stack.clock.advance(toNextHour + 60_000);
  const version = await candidate(stack, spec, { weight: 1, bias: -0.2 });
  promotion = await startPromotion(stack, spec, version);
  await until(async () => (await stack.client.route(spec.name))?.challenger !== undefined);
  // A route is at most this old where it serves.
  stack.clock.advance(6_000);
  for (let at = 0; at < UNITS * REQUESTS_A_UNIT; at++) await ask(`unit-${at % UNITS}`);

  const declined = rows.filter(isDeclined);
  const reversed = declined.filter(isSeen);
  expect(reversed).toEqual(declined.filter(isDrawn));
  expect(reversed).toEqual(rows.filter(({ isAcceptedAtRandom }) => isAcceptedAtRandom));
  expect(new Set(reversed.map(({ arm }) => arm))).toEqual(new Set(['champion', 'challenger']));

  // The caller sees who turned bad of those it let through, and looked into some that it declined.
  const observedAt = new Date(stack.clock.nowMs()).toISOString();
  reviewed.push(...declined.filter((row) => !isSeen(row)).slice(0, 20));
  const told = [...rows.filter((row) => isSeen(row) && row.truth === 'bad'), ...reviewed];
  const results = await report(
    stack,
    told.map(({ predictionId, row, truth }) => ({ predictionId, row, outcome: truth, observedAt })),
  );
  expect(new Set(results.map(({ code }) => code))).toEqual(new Set([undefined]));

  // Silence is given its meaning where it has one, an hour after the hour of the requests.
  stack.clock.advance(2 * HOUR_MS);
  const seen = rows.filter(isSeen);
  const known = [...seen, ...reviewed];
  const ofRequest = Map.groupBy(rows, ({ predictionId }) => predictionId);
  for (const [id, own] of ofRequest) {
    const expected = own.filter((row) => known.includes(row)).map(({ row }) => row);
    const { scores } = await untilShown(
      stack,
      id,
      (shown) => shown.scores.length >= expected.length,
    );
    expect(scores.map(({ row }) => row).toSorted((one, other) => one - other)).toEqual(expected);
  }
  const counted = async () =>
    (await contributionsTo(stack, promotion.id)).filter(({ components }) => components);
  await until(async () => (await counted()).length >= seen.length);
  const keyOf = ({ predictionId, row }: Pick<Row, 'predictionId' | 'row'>) =>
    `${predictionId}/${row}`;
  expect(new Map((await counted()).map((each) => [keyOf(each), each.propensity ?? 1]))).toEqual(
    new Map(seen.map((row) => [keyOf(row), chanceOf(row)])),
  );
});

test.runIf(IS_FULL)(
  'arms are compared by all their rows, as their callers would reckon',
  async () => {
    // The first look once the day's units have been through their window and matured.
    stack.clock.advance(51 * HOUR_MS);
    const looks = async () =>
      (
        await stack.client.request<{ looks: (Look & { again: { agrees: boolean } })[] }>(
          'GET',
          `/v1/promotions/${spec.name}/${promotion.id}/looks`,
        )
      ).looks;
    const judged = async () =>
      (await looks()).find(({ evidence }) => (evidence.metrics[0]?.arms.champion.n ?? 0) > 0);
    await until(async () => (await judged()) !== undefined, 60_000);
    const look = await judged();
    expect(look?.again.agrees).toBe(true);
    for (const [metric, termsOf] of Object.entries(TERMS))
      for (const arm of ['champion', 'challenger'] as const) {
        const kept = look?.evidence.metrics.find((each) => each.metric === metric);
        const { accepted, ...sums } = sumsOf(arm, termsOf);
        for (const [name, value] of Object.entries(sums))
          expect(kept?.arms[arm][name as 'n'], `${metric} ${arm} ${name}`).toBeCloseTo(value, 6);
        expect(kept?.acceptedUnits?.[arm], `${metric} ${arm}`).toBe(accepted);
      }
  },
);

test.runIf(IS_FULL)('a snapshot holds who was seen, with what each stands for', async () => {
  const asked = await stack.client.request<Snapshot>(
    'POST',
    `/v1/datasets/${spec.name}/snapshots`,
    {
      purpose: 'training',
      from: new Date(stack.clock.nowMs() - 60 * HOUR_MS).toISOString(),
      to: new Date(stack.clock.nowMs()).toISOString(),
      units: rows.length,
    },
  );
  let { state } = asked;
  await until(async () => {
    const path = `/v1/datasets/${spec.name}/snapshots/${asked.snapshotId}`;
    ({ state } = await stack.client.request<Snapshot>('GET', path));
    return state.kind !== 'running';
  });
  const known = [...rows.filter(isSeen), ...reviewed];
  expect(state).toMatchObject({
    kind: 'taken',
    leftOut: { declined: rows.length - known.length },
  });
  const taken = await exportedRows(stack, spec.name, state.digest ?? '');
  const lines = taken.map((row) => [row['predictionId'], row['a'], row['y'], row['weight']].join());
  const expected = known.map((row) =>
    [row.predictionId, row.a, row.truth, Math.round(1 / chanceOf(row))].join(),
  );
  expect(lines.toSorted()).toEqual(expected.toSorted());
});

test('nothing failed behind the API', () => expect(stack.faults).toEqual([]));
