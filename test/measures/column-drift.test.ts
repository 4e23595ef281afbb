import { describe, expect, test } from 'vitest';
import type { CellValue } from '../../functions/contracts/dataset-columns.ts';
import type { ColumnProfile } from '../../functions/contracts/dataset-profile.ts';
import {
  ColumnCounts,
  hasDrifted,
  isBinned,
  ranked,
} from '../../functions/measures/column-drift.ts';
import { seededRandom } from '../../functions/measures/seeded-random.ts';
import { versionProfile } from '../../functions/measures/version-profile.ts';
import { cardFraud } from '../../functions/models/card-fraud.ts';
import { aModel } from '../builders/model-spec.ts';

function countsOf(profile: ColumnProfile | undefined, values: readonly CellValue[]): ColumnCounts {
  if (!profile || !isBinned(profile)) throw new Error('there are no bins');
  const counts = new ColumnCounts(profile);
  for (const value of values) counts.add(value);
  return counts;
}
const repeated = (value: CellValue, times: number) => Array.from({ length: times }, () => value);

describe('the stability of a column', () => {
  const letters: ColumnProfile = {
    kind: 'category',
    name: 'letter',
    role: 'feature',
    missing: 0,
    distinct: 3,
    isDistinctAtLeast: false,
    top: [
      { value: 'A', count: 50 },
      { value: 'B', count: 30 },
      { value: 'C', count: 20 },
    ],
    other: 0,
  };

  test('of categories is that of the vector D5, and names those the reference never had', () => {
    const current = [...repeated('A', 40), ...repeated('B', 25), ...repeated('D', 35)];
    const drift = countsOf(letters, current).drift(100, 0.2);
    expect(drift.stability).toBeCloseTo(2.221247, 6);
    expect(drift).toMatchObject({ name: 'letter', unseen: 0.35, unseenValues: ['D'] });
  });

  test('says nothing of new categories where the profile kept not every value', () => {
    const drift = countsOf({ ...letters, other: 7 }, repeated('D', 10)).drift(10, 0.2);
    expect(drift).not.toHaveProperty('unseen');
  });

  test('of numbers is that of the vector D3, which twenty rows do not make a drift', () => {
    const numbers: ColumnProfile = {
      kind: 'number',
      name: 'n',
      role: 'feature',
      missing: 0,
      distinct: 20,
      edges: [5.75, 10.5, 15.25],
      counts: [5, 5, 5, 5, 0],
    };
    const current = Array.from({ length: 20 }, (_, at) => at + 6);
    const drift = countsOf(numbers, current).drift(20, 0.1);
    expect(drift.stability).toBeCloseTo(0.691937, 6);
    expect(hasDrifted(drift)).toBe(false);
    expect(drift.missing).toEqual({ reference: 0, current: 0 });
  });

  test('sees that values went missing', () => {
    const flags: ColumnProfile = {
      kind: 'boolean',
      name: 'flag',
      role: 'feature',
      missing: 0,
      yes: 500,
      no: 500,
    };
    const current = [...repeated(true, 400), ...repeated(false, 400), ...repeated(null, 200)];
    const drift = countsOf(flags, current).drift(1000, 0.2);
    expect(hasDrifted(drift)).toBe(true);
    expect(drift.missing).toEqual({ reference: 0, current: 0.2 });
  });
});

describe('rows of the reference’s own distribution', () => {
  const spec = aModel();
  const random = seededRandom(3, 'drift');
  const row = (shift = 0) => ({ a: random.normal() + shift, b: random.next(), c: null });
  const reference = Array.from({ length: 5000 }, () => row());
  const profile = versionProfile(
    spec,
    reference,
    reference.map(({ a }) => a),
  );
  const columnA = profile.columns.find(({ name }) => name === 'a');

  test('are no drift in a thousand windows of five hundred but for about one', () => {
    const drifted = Array.from({ length: 1000 }, () =>
      countsOf(
        columnA,
        Array.from({ length: 500 }, () => random.normal()),
      ).drift(500, 0.05),
    ).filter(({ stability }) => stability > 0.1);
    expect(drifted.length).toBeLessThanOrEqual(3);
  });

  test('are drift once they have moved, the most moved first', () => {
    const moved = [0.6, 2, 1].map((shift) =>
      countsOf(
        columnA,
        Array.from({ length: 2000 }, () => random.normal() + shift),
      ).drift(2000, 0.2),
    );
    expect(moved.filter(hasDrifted)).toHaveLength(3);
    expect(ranked(moved)).toEqual([moved[1], moved[2], moved[0]]);
  });

  test('profile the features and the prediction, what is no number being missing', () => {
    const small = versionProfile(cardFraud, [{ amountEur: 1 }, {}], [0.5, Number.NaN]);
    expect(small.columns.at(-1)).toMatchObject({
      name: 'fraudProbability',
      role: 'prediction',
      missing: 1,
    });
    expect(small.columns.find(({ name }) => name === 'amountEur')).toMatchObject({ missing: 1 });
  });
});
