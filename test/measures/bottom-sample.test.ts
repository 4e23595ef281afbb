import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { BottomSample } from '../../functions/measures/bottom-sample.ts';
import { linearQuantile } from '../../functions/measures/regression-metrics.ts';
import { hashText, seededRandom } from '../../functions/measures/seeded-random.ts';

type Entry = readonly [key: number, value: number];

function sampleOf(entries: readonly Entry[], size: number): Entry[] {
  const sample = new BottomSample<Entry>(size);
  for (const entry of entries) sample.take(entry);
  return sample.entries;
}

// Few keys, so that some are alike.
const entry = fc.tuple(fc.nat(20), fc.integer());

describe('a bottom sample', () => {
  test('is the same of parts, whatever their order, as of all at once', () => {
    fc.assert(
      fc.property(fc.array(fc.array(entry)), fc.integer({ min: 1, max: 8 }), (parts, size) => {
        const merged = sampleOf(
          parts.toReversed().flatMap((part) => sampleOf(part, size)),
          size,
        );
        expect(merged).toEqual(sampleOf(parts.flat(), size));
      }),
    );
  });

  test('holds everything while that is not too much', () => {
    expect(
      sampleOf(
        [
          [3, 1],
          [1, 2],
        ],
        2,
      ),
    ).toEqual([
      [1, 2],
      [3, 1],
    ]);
  });

  test('goes on where it was asked in between', () => {
    const sample = new BottomSample<Entry>(2);
    for (const key of [5, 4, 3]) sample.take([key, 0]);
    expect(sample.entries.map(([key]) => key)).toEqual([3, 4]);
    sample.take([9, 0]);
    sample.take([1, 0]);
    expect(sample.entries.map(([key]) => key)).toEqual([1, 3]);
  });

  test('has the quantiles of all entries within what its size promises', () => {
    const random = seededRandom(7, 'latencies');
    const all = Array.from({ length: 100_000 }, (_, at): Entry => {
      const latencyMs = Math.exp(3 + random.normal());
      return [hashText(`request-${at}`), latencyMs];
    });
    const values = all.map(([, value]) => value);
    const sampled = sampleOf(all, 4_000).map(([, value]) => value);
    for (const level of [0.5, 0.99]) {
      const quantile = linearQuantile(sampled, level) ?? Number.NaN;
      const rank = values.filter((value) => value <= quantile).length / values.length;
      // Three standard errors.
      expect(Math.abs(rank - level)).toBeLessThan(3 * Math.sqrt((level * (1 - level)) / 4_000));
    }
  });
});
