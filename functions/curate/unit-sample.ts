import { hash } from 'node:crypto';
import type { RecordedUnit } from './recorded-units.ts';

/** Kept of a stratum before the surplus is dropped: sorting now and then is cheaper than a heap. */
const SURPLUS = 2;

interface Ranked {
  readonly rank: string;
  readonly unit: RecordedUnit;
}

class Stratum {
  /** Units seen, duplicates left out. */
  eligible = 0;
  readonly #seen = new Set<string>();
  #kept: Ranked[] = [];

  offer(ranked: Ranked, most: number): void {
    if (this.#seen.has(ranked.rank)) return;
    this.#seen.add(ranked.rank);
    this.eligible += 1;
    this.#kept.push(ranked);
    if (this.#kept.length > most * SURPLUS) this.#kept = this.first(most);
  }

  first(most: number): Ranked[] {
    return this.#kept.toSorted((one, other) => (one.rank < other.rank ? -1 : 1)).slice(0, most);
  }
}

export interface SampledUnit {
  readonly unit: RecordedUnit;
  /** Units of its stratum that it stands for, and what each of them stood for. */
  readonly weight: number;
}

/**
 * A sample without replacement by the smallest seeded hashes of the units' keys. Unlike a reservoir, it does
 * not depend on the order they come in nor on how often, so a repeated snapshot is the same snapshot.
 * Strata share the room evenly; what a small one leaves is given to the others, and weights undo it.
 */
export class UnitSample {
  readonly #most: number;
  readonly #seed: number;
  readonly #strata = new Map<string, Stratum>();

  /** @param most units in the sample. */
  constructor(most: number, seed: number) {
    this.#most = most;
    this.#seed = seed;
  }

  get eligible(): number {
    return [...this.#strata.values()].reduce((sum, { eligible }) => sum + eligible, 0);
  }

  offer(unit: RecordedUnit): void {
    const stratum = this.#strata.get(unit.stratum) ?? new Stratum();
    this.#strata.set(unit.stratum, stratum);
    stratum.offer({ rank: hash('sha256', `${this.#seed}:${unit.key}`), unit }, this.#most);
  }

  /** In order of time, then of key. */
  take(): SampledUnit[] {
    let room = this.#most;
    const rarest = [...this.#strata.values()].toSorted((a, b) => a.eligible - b.eligible);
    const taken = rarest.flatMap((stratum, at) => {
      const share = Math.min(stratum.eligible, Math.floor(room / (rarest.length - at)));
      room -= share;
      const weight = stratum.eligible / share;
      return stratum.first(share).map(({ unit }) => ({ unit, weight: unit.weight * weight }));
    });
    return taken.toSorted((one, other) => (orderOf(one) < orderOf(other) ? -1 : 1));
  }
}

const orderOf = ({ unit }: SampledUnit): string => `${unit.at} ${unit.key}`;
