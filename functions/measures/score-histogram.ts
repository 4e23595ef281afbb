import { LIMITS } from '../contracts/limits.ts';
import { ratio } from './additive-sums.ts';
import { seededRandom } from './seeded-random.ts';

/** Rows whose scores lie together. */
export interface ScoreBin {
  readonly bin: number;
  readonly positives: number;
  readonly negatives: number;
  readonly scoreSum: number;
}

/** Bins that hold rows, lowest scores first. Merges by addition, so that any hours make a window. */
export type ScoreHistogram = readonly ScoreBin[];

/** Scores below 6e-6 and above 1 − 6e-6 share the outermost bins. */
const OUTERMOST_LOGIT = 12;

/** Bins are equally wide in log-odds: where positives are rare, almost all scores lie near 0. */
function binOf(score: number): number {
  const logit = Math.log(score / (1 - score));
  const place = Math.floor(((logit + OUTERMOST_LOGIT) / (2 * OUTERMOST_LOGIT)) * LIMITS.scoreBins);
  return Math.min(Math.max(place, 0), LIMITS.scoreBins - 1);
}

/** Takes rows and bins of other histograms in any order. */
export class ScoreCounts {
  readonly #bins = new Map<number, ScoreBin>();

  /** @param score a probability. @param label 0 or 1. */
  add(score: number, label: number): void {
    this.merge([{ bin: binOf(score), positives: label, negatives: 1 - label, scoreSum: score }]);
  }

  merge(histogram: ScoreHistogram): void {
    for (const each of histogram) {
      const before = this.#bins.get(each.bin);
      this.#bins.set(each.bin, before ? addBins(before, each) : each);
    }
  }

  get histogram(): ScoreHistogram {
    return [...this.#bins.values()].toSorted((one, other) => one.bin - other.bin);
  }
}

export function mergeHistograms(histograms: readonly ScoreHistogram[]): ScoreHistogram {
  const counts = new ScoreCounts();
  for (const histogram of histograms) counts.merge(histogram);
  return counts.histogram;
}

const addBins = (one: ScoreBin, other: ScoreBin): ScoreBin => ({
  bin: one.bin,
  positives: one.positives + other.positives,
  negatives: one.negatives + other.negatives,
  scoreSum: one.scoreSum + other.scoreSum,
});

const rowsIn = ({ positives, negatives }: ScoreBin): number => positives + negatives;

export const positivesIn = (histogram: ScoreHistogram): number =>
  histogram.reduce((sum, { positives }) => sum + positives, 0);

/**
 * Average precision with the rows of a bin in the mean of their orders: as one step they would count as worse
 * than they are by half a bin. Absent without positives.
 */
export function histogramPrecision(histogram: ScoreHistogram): number | undefined {
  let [positives, rows, area] = [0, 0, 0];
  for (const each of histogram.toReversed()) {
    const middle = (positives + (each.positives + 1) / 2) / (rows + (rowsIn(each) + 1) / 2);
    area += each.positives * middle;
    positives += each.positives;
    rows += rowsIn(each);
  }
  return ratio(area, positives);
}

/**
 * 95 % interval of the average precision by the Poisson bootstrap: each row is drawn Poisson(1) times, so
 * counts of bins are Poisson with their own size as mean (Chamandy et al. 2012, "Estimating uncertainty for
 * massive data streams"). Absent where a draw in forty has no positives: then nothing is known.
 * @param stream the same text gives the same interval.
 */
export function precisionInterval(
  histogram: ScoreHistogram,
  stream: string,
): { readonly low: number; readonly high: number } | undefined {
  const random = seededRandom(1, stream);
  const draws = Array.from({ length: LIMITS.intervalDraws }, () =>
    histogramPrecision(
      histogram.map((each) => ({
        ...each,
        positives: poisson(each.positives, random),
        negatives: poisson(each.negatives, random),
      })),
    ),
  ).flatMap((value) => value ?? []);
  const cut = Math.floor(LIMITS.intervalDraws * 0.025);
  if (LIMITS.intervalDraws - draws.length > cut) return undefined;
  const sorted = draws.toSorted((one, other) => one - other);
  const [low, high] = [sorted[cut], sorted.at(-1 - cut)];
  return low === undefined || high === undefined ? undefined : { low, high };
}

/** From here on the normal distribution is as good, and takes one draw. */
const LARGE_MEAN = 50;

function poisson(mean: number, random: ReturnType<typeof seededRandom>): number {
  if (mean >= LARGE_MEAN) return Math.max(0, Math.round(mean + Math.sqrt(mean) * random.normal()));
  // Knuth's product of uniforms (The Art of Computer Programming 2, 3.4.1).
  const limit = Math.exp(-mean);
  let count = 0;
  for (let product = random.next(); product > limit; product *= random.next()) count += 1;
  return count;
}

/**
 * Expected calibration error Σ |Σ score − Σ label| / n over bins of about equal mass, made of whole bins of
 * the histogram. Absent without rows.
 */
export function histogramCalibrationError(histogram: ScoreHistogram): number | undefined {
  const rows = histogram.reduce((sum, each) => sum + rowsIn(each), 0);
  if (rows === 0) return undefined;
  const gaps = new Map<number, number>();
  let before = 0;
  for (const each of histogram) {
    // By the middle row of the bin, which may be larger than a share of the mass.
    const middle = before + rowsIn(each) / 2;
    const mass = Math.min(
      Math.floor((middle / rows) * LIMITS.calibrationBins),
      LIMITS.calibrationBins - 1,
    );
    gaps.set(mass, (gaps.get(mass) ?? 0) + each.scoreSum - each.positives);
    before += rowsIn(each);
  }
  return [...gaps.values()].reduce((sum, gap) => sum + Math.abs(gap), 0) / rows;
}
