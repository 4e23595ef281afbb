import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { assign, bucketOf } from '../../functions/serve/assignment.ts';
import { aChallenger, aRoute } from '../builders/route.ts';
import vectors from '../cases/assignment-vectors.json' with { type: 'json' };

const exposedAt = (percent: number) =>
  aRoute({ challenger: aChallenger({ exposureBasisPoints: percent * 100 }) });

describe('bucketOf', () => {
  test.each(vectors.bucket)(
    'puts $u under $s into bucket $b, as an independent implementation does',
    ({ s, u, b }) => {
      expect(bucketOf(s, u)).toBe(b);
    },
  );
});

describe('assign', () => {
  test.each(
    vectors.assign.flatMap(({ u, ...at }) =>
      Object.entries(at).map(([exposure, expected]) => ({
        u,
        exposure: Number(exposure.slice(2)),
        ...expected,
      })),
    ),
  )(
    '$u at $exposure % exposure: in the experiment $inExperiment, variant $variant',
    ({ u, exposure, inExperiment, variant }) => {
      const { arm, isEnrolled } = assign(exposedAt(exposure), u, true);
      expect({ isEnrolled, arm }).toEqual({
        isEnrolled: inExperiment,
        arm: variant === 1 ? 'challenger' : 'champion',
      });
    },
  );

  test('nobody who was exposed changes arm or leaves when exposure grows', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1 }), fc.nat(100), fc.nat(100), (unit, a, b) => {
        const before = assign(exposedAt(Math.min(a, b)), unit, true);
        const after = assign(exposedAt(Math.max(a, b)), unit, true);
        expect(before.isEnrolled && (!after.isEnrolled || after.arm !== before.arm)).toBe(false);
      }),
    );
  });

  test('splits the enrolled evenly', () => {
    const arms = Array.from(
      { length: 20_000 },
      (_, at) => assign(exposedAt(100), `u${at}`, true).arm,
    );
    expect(arms.filter((arm) => arm === 'challenger').length / arms.length).toBeCloseTo(0.5, 1);
  });

  test('gives the champion where there is no challenger, no unit or no lease', () => {
    const champion = { arm: 'champion', isEnrolled: false };
    expect(assign(aRoute(), 'user-2', true)).toMatchObject(champion);
    expect(assign(exposedAt(100), undefined, true)).toMatchObject(champion);
    expect(assign(exposedAt(100), 'user-2', false)).toMatchObject(champion);
  });
});
