import type { CellValue } from '../contracts/dataset-columns.ts';
import type { ColumnProfile } from '../contracts/dataset-profile.ts';
import type { ColumnDrift } from '../contracts/evaluation-events.ts';
import { populationStability, smoothedShares, stabilityLimit } from './drift.ts';

/** Kinds whose profile has bins that stay: a time always moves on, an identifier is always another. */
export type BinnedProfile = Extract<ColumnProfile, { kind: 'number' | 'category' | 'boolean' }>;

export const isBinned = (profile: ColumnProfile): profile is BinnedProfile =>
  profile.kind === 'number' || profile.kind === 'category' || profile.kind === 'boolean';

/** Bins of a column, the last of them for what is missing, and how the reference fills them. */
interface Binning {
  readonly reference: readonly number[];
  /** Of a value that is there. */
  binOf(value: CellValue): number;
}

function binningOf(profile: BinnedProfile): Binning {
  switch (profile.kind) {
    case 'number': {
      const { edges, counts } = profile;
      return {
        reference: counts,
        binOf(value) {
          const place = edges.findIndex((edge) => Number(value) <= edge);
          return place < 0 ? edges.length : place;
        },
      };
    }
    case 'category': {
      const { top, other, missing } = profile;
      const places = new Map(top.map(({ value }, at) => [value, at]));
      return {
        reference: [...top.map(({ count }) => count), other, missing],
        binOf: (value) => places.get(String(value)) ?? top.length,
      };
    }
    case 'boolean':
      return {
        reference: [profile.yes, profile.no, profile.missing],
        binOf: (value) => (value === true ? 0 : 1),
      };
  }
}

/** Values that are counted by name, of those that a reference never had. */
const UNSEEN_NAMED = 100;
const UNSEEN_SHOWN = 5;

const sumOf = (counts: readonly number[]): number => counts.reduce((sum, count) => sum + count, 0);

/** Counts the values of one column in the bins that were frozen with its profile. */
export class ColumnCounts {
  readonly #profile: BinnedProfile;
  readonly #binning: Binning;
  readonly #counts: number[];
  readonly #unseen = new Map<string, number>();

  constructor(profile: BinnedProfile) {
    this.#profile = profile;
    this.#binning = binningOf(profile);
    this.#counts = this.#binning.reference.map(() => 0);
  }

  get rows(): number {
    return sumOf(this.#counts);
  }

  /** @param value null where it is missing. */
  add(value: CellValue): void {
    const bin = value === null ? this.#counts.length - 1 : this.#binning.binOf(value);
    this.#counts[bin] = (this.#counts[bin] ?? 0) + 1;
    const { kind } = this.#profile;
    if (kind !== 'category' || value === null || bin < this.#profile.top.length) return;
    const name = String(value);
    if (this.#unseen.has(name) || this.#unseen.size < UNSEEN_NAMED)
      this.#unseen.set(name, (this.#unseen.get(name) ?? 0) + 1);
  }

  /**
   * How far the counts are from the reference, over the bins that either has rows in.
   * @param independent how many rows are no copies of others: items of one query share its features.
   * @param threshold PSI that counts as drift however many rows there are.
   */
  drift(independent: number, threshold: number): ColumnDrift {
    const { reference } = this.#binning;
    const used = reference.flatMap((count, bin) => {
      const current = this.#counts[bin] ?? 0;
      return count + current > 0 ? [{ count, current }] : [];
    });
    const stability = populationStability(
      smoothedShares(used.map(({ count }) => count)),
      smoothedShares(used.map(({ current }) => current)),
    );
    const rows = { reference: sumOf(reference), current: independent };
    const limit = used.length > 1 ? stabilityLimit(rows, used.length) : threshold;
    return {
      name: this.#profile.name,
      stability,
      limit: Math.max(threshold, limit),
      missing: {
        reference: (reference.at(-1) ?? 0) / sumOf(reference),
        current: (this.#counts.at(-1) ?? 0) / this.rows,
      },
      ...this.#unseenShare(),
    };
  }

  /** Absent where the profile kept not every value: then nobody can tell which are new. */
  #unseenShare(): Pick<ColumnDrift, 'unseen' | 'unseenValues'> {
    const profile = this.#profile;
    if (profile.kind !== 'category' || profile.other > 0 || profile.isDistinctAtLeast) return {};
    const count = this.#counts[profile.top.length] ?? 0;
    if (count === 0) return { unseen: 0 };
    const ordered = [...this.#unseen].toSorted(([, one], [, other]) => other - one);
    return {
      unseen: count / this.rows,
      unseenValues: ordered.slice(0, UNSEEN_SHOWN).map(([value]) => value),
    };
  }
}

export const hasDrifted = ({ stability, limit }: ColumnDrift): boolean => stability > limit;

/** Largest excess over its limit first. */
export const ranked = (columns: readonly ColumnDrift[]): ColumnDrift[] =>
  columns.toSorted((one, other) => other.stability / other.limit - one.stability / one.limit);
