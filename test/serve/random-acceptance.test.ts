import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { PredictionLine } from '../../functions/contracts/prediction-line.ts';
import type { Route } from '../../functions/contracts/route.ts';
import { bucketOf } from '../../functions/serve/assignment.ts';
import { ModelServer } from '../../functions/serve/model-server.ts';
import { acceptSome, isAccepted } from '../../functions/serve/random-acceptance.ts';
import { RouteCache } from '../../functions/serve/route-cache.ts';
import type { Tensor } from '../../functions/serve/tensor.ts';
import { aDecliningModel } from '../builders/declining-model.ts';
import { posted } from '../builders/posted.ts';
import { aChallenger, aRoute, ManualClock, servedVersion } from '../builders/route.ts';

const CLASSES = ['good', 'bad'] as const;
const acceptance = { promotion: 'm-p1', basisPoints: 500 };

describe('the draw', () => {
  test('accepts the share, whatever arm and unit a row has', () => {
    const drawn = { champion: 0, challenger: 0, all: 0 };
    const asked = { champion: 0, challenger: 0 };
    for (let at = 0; at < 60_000; at++) {
      const arm = bucketOf('m-p1/variant', `unit-${at}`) < 5_000 ? 'champion' : 'challenger';
      const accepted = Number(isAccepted(acceptance, `prediction-${at}`, at % 3));
      asked[arm] += 1;
      drawn[arm] += accepted;
      drawn.all += accepted;
    }
    // Four standard errors of a share of 5 %.
    const near = (share: number, rows: number) =>
      expect(Math.abs(share - 0.05)).toBeLessThan(4 * Math.sqrt((0.05 * 0.95) / rows));
    near(drawn.all / 60_000, 60_000);
    near(drawn.champion / asked.champion, asked.champion);
    near(drawn.challenger / asked.challenger, asked.challenger);
  });

  test('is the same again, of its own salt, and grows with the share', () => {
    fc.assert(
      fc.property(fc.uuid(), fc.nat(999), fc.nat(9_999), (id, row, basisPoints) => {
        const bucket = bucketOf('m-p1/accept', `${id}/${row}`);
        expect(isAccepted({ promotion: 'm-p1', basisPoints }, id, row)).toBe(bucket < basisPoints);
      }),
    );
  });
});

describe('rows', () => {
  const decisions = fc.array(fc.constantFrom<string | null>('good', 'bad', null), {
    maxLength: 40,
  });

  test('that were declined, and they alone, are accepted and say so; every row has its chance', () => {
    fc.assert(
      fc.property(decisions, fc.uuid(), (decided, id) => {
        const predictions = decided.map((decision) => ({ risk: 0.7, decision }));
        const given = { promotion: 'm-p1', basisPoints: 4_000 };
        const propensities = acceptSome(predictions, CLASSES, given, id);
        decided.forEach((before, row) => {
          const isDrawn = before === 'bad' && isAccepted(given, id, row);
          expect(predictions[row]).toEqual({
            risk: 0.7,
            decision: isDrawn ? 'good' : before,
            ...(isDrawn && { isAcceptedAtRandom: true }),
          });
          expect(propensities[row]).toBe(before === 'bad' ? (isDrawn ? 0.4 : 0) : 1);
        });
      }),
    );
  });

  test('stay declined where nobody is accepted', () => {
    const predictions = [{ decision: 'bad' }, { decision: 'good' }];
    expect(acceptSome(predictions, CLASSES, undefined, 'p')).toEqual([0, 1]);
    expect(predictions).toEqual([{ decision: 'bad' }, { decision: 'good' }]);
  });
});

describe('a server', () => {
  const spec = aDecliningModel();
  const accepting = aRoute({
    challenger: aChallenger({ promotion: 'm-p1', randomAcceptBasisPoints: 3_000 }),
  });
  const ROWS = 400;

  /** Version 1 declines half of the rows, version 2 every one. */
  async function answered(route: Route, path: string, body: object, isBroken = false) {
    const clock = new ManualClock();
    const lines: string[] = [];
    const server = new ModelServer({
      spec,
      clock,
      routes: new RouteCache({ read: async () => route }, 'm', clock),
      findVersion: async () => undefined,
      backends: {
        open: async ({ version }) => ({
          run: async ([input]: readonly Tensor[]) => {
            if (isBroken && version === '2') throw new Error('broken');
            const rows = input?.shape[0] ?? 0;
            const data = Float32Array.from({ length: rows }, (_, row) =>
              version === '2' || row % 2 === 0 ? 0.75 : 0.25,
            );
            return [{ name: 'o', datatype: 'FP32' as const, shape: [rows, 1], data }];
          },
          release: async () => undefined,
        }),
      },
      writeLine: (line) => void lines.push(line),
    });
    const reply = await server.answer(posted(path, body));
    const kept = lines.map((text): unknown => JSON.parse(text));
    const line = kept.map((each) => PredictionLine.safeParse(each).data).find((each) => each);
    if (!line) throw new Error('nothing was logged');
    const { body: said = {} } = reply;
    return { line, said: JSON.parse(JSON.stringify(said)) as Answered };
  }
  interface Answered {
    readonly predictions: readonly { readonly decision: string; isAcceptedAtRandom?: boolean }[];
  }
  const instances = Array.from({ length: ROWS }, () => ({ a: 1 }));
  const units = Array.from({ length: 40 }, (_, at) => `unit-${at}`);
  const unitOf = (arm: 'champion' | 'challenger') =>
    units.find((unit) => bucketOf('m-p1/variant', unit) < 5_000 === (arm === 'champion'));
  const ask = (route: Route, unit?: string, isBroken = false) =>
    answered(route, 'v1/models/m/predict', { ...(unit && { unit }), instances }, isBroken);

  test.each(['champion', 'challenger'] as const)(
    'tells and logs which declined rows of the %s’s arm are accepted',
    async (arm) => {
      const { line, said } = await ask(accepting, unitOf(arm));
      const { predictionId, propensities = [] } = line;
      expect([line.arm, propensities.length]).toEqual([arm, ROWS]);
      const declines = (row: number) => arm === 'challenger' || row % 2 === 0;
      const given = { promotion: 'm-p1', basisPoints: 3_000 };
      said.predictions.forEach(({ decision, isAcceptedAtRandom = false }, row) => {
        const isDrawn = declines(row) && isAccepted(given, predictionId, row);
        expect(isAcceptedAtRandom).toBe(isDrawn);
        expect(decision).toBe(declines(row) && !isDrawn ? 'bad' : 'good');
        expect(propensities[row]).toBe(declines(row) ? (isDrawn ? 0.3 : 0) : 1);
      });
      expect(propensities).toContain(0.3);
    },
  );

  test('draws by the decision of the champion where the challenger fails', async () => {
    const { line, said } = await ask(accepting, unitOf('challenger'), true);
    expect([line.arm, line.assigned]).toEqual(['champion', 'challenger']);
    expect(line.propensities?.filter((_, row) => row % 2 === 1)).toEqual(Array(ROWS / 2).fill(1));
    expect(said.predictions.filter((row) => row.isAcceptedAtRandom).length).toBeGreaterThan(0);
  });

  const expired = aRoute({
    challenger: {
      ...aChallenger({ randomAcceptBasisPoints: 3_000 }),
      expiresAt: aRoute().changedAt,
    },
  });
  const notExposed = aRoute({
    challenger: aChallenger({ exposureBasisPoints: 0, randomAcceptBasisPoints: 3_000 }),
  });
  test.each<[string, Route, string | undefined]>([
    ['without a unit', accepting, undefined],
    ['of a unit that is not exposed', notExposed, units[0]],
    ['once the lease is over', expired, units[0]],
    ['outside a promotion', aRoute({ champion: servedVersion('1') }), units[0]],
    [
      'of a place that accepts nobody',
      aRoute({ challenger: aChallenger({ promotion: 'm-p1' }) }),
      unitOf('champion'),
    ],
  ])('accepts no declined row %s', async (_, route, unit) => {
    const { line, said } = await ask(route, unit);
    expect(new Set(line.propensities)).toEqual(new Set([0, 1]));
    expect(JSON.stringify(said)).not.toContain('isAcceptedAtRandom');
  });

  test('leaves tensors alone, which carry no decision', async () => {
    const { line } = await answered(accepting, 'v2/models/m/infer', {
      parameters: { unit: unitOf('challenger') },
      inputs: [{ name: 'x', datatype: 'FP32', shape: [2, 3], data: [1, 2, 3, 4, 5, 6] }],
    });
    expect(line.arm).toBe('challenger');
    expect(line).not.toHaveProperty('propensities');
  });
});
