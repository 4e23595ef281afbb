import fc from 'fast-check';
import { describe, expect, it, test } from 'vitest';
import {
  type ArmValue,
  adjustByCovariate,
  effectOf,
  meanOfUnits,
  meansOfArms,
  ratioOfUnits,
  relativeLift,
} from '../../functions/measures/arm-effect.ts';
import { nonInferiority } from '../../functions/measures/non-inferiority.ts';
import {
  logRareEventEvidence,
  rareEventProbability,
} from '../../functions/measures/rare-events.ts';
import { logSplitBayesFactor, sampleRatio } from '../../functions/measures/sample-ratio.ts';
import { unitsForDifference, unitsForMargin } from '../../functions/measures/sample-size.ts';
import { oneSided, twoSided } from '../../functions/measures/sequential-test.ts';
import {
  addUnit,
  mergeUnits,
  momentsOf,
  NO_UNITS,
  type UnitSums,
} from '../../functions/measures/unit-sums.ts';
import vectors from '../cases/rollout-vectors.json' with { type: 'json' };

/** To a relative 1e-8, as the vectors were computed independently. */
const near =
  (wanted: number) =>
  (value: number | undefined): boolean =>
    Math.abs((value ?? Number.NaN) - wanted) <= 1e-8 * Math.abs(wanted) + 1e-14;

const armValue = (mean: number, variance: number, units: number): ArmValue => ({
  units,
  value: mean,
  variance: variance / units,
});

const countsOf = (units: readonly number[], weights: readonly number[]) =>
  units.map((each, at) => ({ units: each, weight: weights[at] ?? 0 }));

const sumsOf = ({ y, x }: { y: number[]; x: number[] }): UnitSums =>
  y.reduce((sums, each, at) => addUnit(sums, each, x[at] ?? 0), NO_UNITS);

describe('the sample ratio', () => {
  test.each(vectors.srm)('of $obs against $w', ({ obs, w, chi2, df, p }) => {
    const found = sampleRatio(countsOf(obs, w));
    expect(found?.statistic).toSatisfy(near(chi2));
    expect(found?.degrees).toBe(df);
    expect(found?.probability).toSatisfy(near(p));
  });

  test.each(
    vectors.srm.flatMap(({ obs, w, logBF }) => (logBF === null ? [] : [{ obs, w, logBF }])),
  )('of $obs against $w at any time', ({ obs, w, logBF }) => {
    expect(logSplitBayesFactor(countsOf(obs, w))).toSatisfy(near(logBF));
  });

  it('of the published regression value of a sequential test', () => {
    const counts = countsOf([2, 1, 7], [0.1, 0.5, 0.4]);
    expect(Math.exp(logSplitBayesFactor(counts))).toSatisfy(near(1.0017496120131435));
  });

  it('says nothing of fewer than ten units an arm', () => {
    const few = { units: 9, weight: 0.5 };
    expect(sampleRatio([few, few])).toBeUndefined();
  });
});

describe('the always-valid test', () => {
  test.each(vectors.seq)('of $mT against $mC', (row) => {
    const effect = effectOf({
      champion: armValue(row.mC, row.vC, row.nC),
      challenger: armValue(row.mT, row.vT, row.nT),
    });
    expect(effect.estimate).toSatisfy(near(row.est));
    expect(effect.standardError).toSatisfy(near(row.se));
    const sequential = { alpha: row.alpha, sharpestAt: row.nStar };
    const two = twoSided(effect, sequential);
    expect(two.low).toSatisfy(near(row.two.lo));
    expect(two.high).toSatisfy(near(row.two.hi));
    expect(two.criticalValue).toSatisfy(near(row.two.crit));
    expect(two.probability).toSatisfy(near(row.two.p));
    const one = oneSided(effect, sequential);
    expect(one.low).toSatisfy(near(row.one.lo));
    expect(one.criticalValue).toSatisfy(near(row.one.crit));
    expect(one.probability).toSatisfy(near(row.one.p));
    expect(row.msprt.p).toSatisfy(near(two.probability));
  });

  test.each(vectors.crit)('has its critical value after $n units', ({ n, nStar, two, one }) => {
    const observed = { estimate: 0, standardError: 1, units: n };
    const sequential = { alpha: 0.05, sharpestAt: nStar };
    expect(twoSided(observed, sequential).criticalValue).toSatisfy(near(two));
    expect(oneSided(observed, sequential).criticalValue).toSatisfy(near(one));
  });

  it('gives no verdict where nothing varied', () => {
    const still = { estimate: 1, standardError: 0, units: 1000 };
    const sequential = { alpha: 0.05, sharpestAt: 1000 };
    expect(twoSided(still, sequential).probability).toBe(1);
    expect(oneSided(still, sequential).low).toBe(-Infinity);
  });
});

describe('a ratio of sums over units', () => {
  it('has the delta method’s variance, few units or many', () => {
    const { ratioSmall, ratioBig } = vectors;
    const [trial, base] = [sumsOf(ratioSmall.T), sumsOf(ratioSmall.C)];
    // Eight units are within ten standard errors of 0, so their ratio is refused …
    expect(ratioOfUnits(trial)).toBeUndefined();
    // … and as many copies of them as it takes have the same ratio and a variance that scales.
    const many = (sums: UnitSums) =>
      Array.from({ length: 1000 }).reduce<UnitSums>((all) => mergeUnits(all, sums), NO_UNITS);
    const effect = effectOf({
      champion: ratioOfUnits(many(base)) as ArmValue,
      challenger: ratioOfUnits(many(trial)) as ArmValue,
    });
    expect(effect.estimate).toSatisfy(near(ratioSmall.est));
    // Variances have n − 1 below them: 8 000 units against 8.
    expect(effect.standardError).toSatisfy(near(ratioSmall.se * Math.sqrt(7 / 7999)));
    const big = {
      champion: ratioOfUnits(ratioBig.c) as ArmValue,
      challenger: ratioOfUnits(ratioBig.t) as ArmValue,
    };
    expect(effectOf(big).estimate).toSatisfy(near(ratioBig.est));
    expect(effectOf(big).standardError).toSatisfy(near(ratioBig.se));
    expect(relativeLift(big).estimate).toSatisfy(near(ratioBig.rel));
    expect(relativeLift(big).standardError).toSatisfy(near(ratioBig.relSe));
  });
});

describe('a covariate', () => {
  test.each([
    {
      name: 'few units',
      challenger: sumsOf(vectors.cupedSmall.CT),
      champion: sumsOf(vectors.cupedSmall.CC),
      wanted: vectors.cupedSmall,
    },
    {
      name: 'many units',
      challenger: vectors.cupedBig.t,
      champion: vectors.cupedBig.c,
      wanted: vectors.cupedBig,
    },
  ])('takes the variance out of $name', ({ challenger, champion, wanted }) => {
    const adjusted = adjustByCovariate({ champion, challenger });
    expect(adjusted?.theta).toSatisfy(near(wanted.theta));
    expect(adjusted && effectOf(adjusted).estimate).toSatisfy(near(wanted.est));
    expect(adjusted && effectOf(adjusted).standardError).toSatisfy(near(wanted.se));
    const plain = {
      champion: meanOfUnits(champion) as ArmValue,
      challenger: meanOfUnits(challenger) as ArmValue,
    };
    expect(effectOf(plain).estimate).toSatisfy(near(wanted.est0));
    expect(effectOf(plain).standardError).toSatisfy(near(wanted.se0));
  });

  it('is used only with 100 units an arm and one unit in twenty', () => {
    const { t: challenger, c: champion } = vectors.cupedBig;
    expect(meansOfArms({ champion, challenger }, 1)?.theta).toBeDefined();
    expect(meansOfArms({ champion, challenger }, 0.04)?.theta).toBeUndefined();
    const few = {
      champion: sumsOf(vectors.cupedSmall.CC),
      challenger: sumsOf(vectors.cupedSmall.CT),
    };
    expect(meansOfArms(few, 1)?.theta).toBeUndefined();
  });
});

test.each(vectors.ni)('non-inferiority: $name', (row) => {
  const { a } = row;
  const found = nonInferiority(
    {
      champion: armValue(a.championMean, a.championVariance, a.championUnits),
      challenger: armValue(a.challengerMean, a.challengerVariance, a.challengerUnits),
    },
    a.margin,
    a.direction === 1 ? 1 : -1,
    { alpha: a.alpha, sharpestAt: a.sharpestAt },
  );
  expect(found.verdict).toBe(row.verdict);
  expect(found.delta).toSatisfy(near(row.est));
  expect(found.standardError).toSatisfy(near(row.se));
  expect(found.low).toSatisfy(near(row.niLower));
  expect(found.inferiorProbability).toSatisfy(near(row.niP));
  expect(found.superiorProbability).toSatisfy(near(row.infP));
  expect(found.harmProbability).toSatisfy(near(row.harmP));
});

test.each(vectors.rare)('rare events: $k of $n at a share of $w', ({ k, n, w, logE, p }) => {
  const events = { challenger: k, total: n, share: w };
  expect(logRareEventEvidence(events)).toSatisfy(near(logE));
  expect(rareEventProbability(events)).toSatisfy(near(p));
});

test('sample sizes are those of the plan’s formulas', () => {
  const shares = { variances: [0.1 * 0.9, 0.11 * 0.89], difference: 0.01, power: 0.8 } as const;
  expect(unitsForDifference({ ...shares, alpha: 0.05 })).toBe(14_749);
  expect(unitsForDifference({ ...shares, alpha: 0.04 })).toBe(15_752);
  const margin = { alpha: 0.05, power: 0.8, variance: 0.09, mean: 0.9, margin: 0.02 };
  expect(unitsForMargin({ ...margin, guardrails: 0 })).toBe(3435);
  expect(unitsForMargin({ ...margin, guardrails: 3 })).toBe(6013);
});

test('sums of units merge in any order and grouping', () => {
  const unit = fc.tuple(fc.integer({ min: -50, max: 50 }), fc.integer({ min: -50, max: 50 }));
  const total = (units: readonly [number, number][]) =>
    units.reduce((sums, [y, x]) => addUnit(sums, y, x), NO_UNITS);
  fc.assert(
    fc.property(fc.array(unit), fc.array(unit), (one, other) => {
      const merged = mergeUnits(total(one), total(other));
      expect(merged).toEqual(total([...other, ...one]));
      expect(momentsOf(merged)?.varY ?? 0).toBeGreaterThanOrEqual(0);
    }),
  );
});
