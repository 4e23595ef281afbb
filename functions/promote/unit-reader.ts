import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import type { Arms } from '../measures/arm-effect.ts';
import type { Contribution, Exposure, UnitTable } from '../record/unit-table.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { JudgedUnit, type Measured } from './arm-sums.ts';
import { cohortOf, hoursBetween, hoursOfCohort, isInWindow } from './cohorts.ts';

/** Requests of each arm in some hours, and failures, of which a unit has at most one an hour. */
export interface RequestCounts {
  readonly requests: Arms<number>;
  readonly events: Arms<number>;
}

export const NO_REQUESTS: RequestCounts = {
  requests: { champion: 0, challenger: 0 },
  events: { champion: 0, challenger: 0 },
};

/** Both ends are in it. */
interface Span {
  readonly since: Instant;
  readonly untilMs: number;
}

/** A unit that was seen in one arm only. */
const isPure = ({ arms }: Exposure): boolean => arms.length === 1;

/** Partitions read at once: a look takes seconds, and DynamoDB spreads them. */
const AT_ONCE = 16;
const SHARDS = Array.from({ length: LIMITS.keyShards }, (_, shard) => shard);

/** Reads what recording wrote of a promotion's units. */
export class UnitReader {
  readonly #units: UnitTable;

  constructor(units: UnitTable) {
    this.#units = units;
  }

  /** Units first exposed since an instant; earlier ones belong to an earlier step. */
  async exposures(promotion: string, since: Instant): Promise<Exposure[]> {
    const found = await inParallel(SHARDS, AT_ONCE, async (shard) => {
      const exposures: Exposure[] = [];
      for await (const exposure of this.#units.exposures(promotion, shard))
        if (exposure.firstExposedAt >= since) exposures.push(exposure);
      return exposures;
    });
    return found.flat();
  }

  /** The units of one cohort with what the requests of their windows add up to. */
  cohort(
    promotion: string,
    day: string,
    exposures: readonly Exposure[],
    measured: readonly Measured[],
  ): Promise<JudgedUnit[]> {
    const ofDay = exposures.filter(({ firstExposedAt }) => cohortOf(firstExposedAt) === day);
    return this.#judged(promotion, hoursOfCohort(day), ofDay, measured, ({ at }, exposure) =>
      isInWindow(at, exposure.firstExposedAt),
    );
  }

  /** All units with what their requests in a span add up to. */
  recent(
    promotion: string,
    { since, untilMs }: Span,
    exposures: readonly Exposure[],
    measured: readonly Measured[],
  ): Promise<JudgedUnit[]> {
    const hours = hoursBetween(epochMsOf(since), untilMs + 1);
    return this.#judged(
      promotion,
      hours,
      exposures,
      measured,
      ({ at }) => at >= since && epochMsOf(at) <= untilMs,
    );
  }

  /** Requests and failures of one hour. @param since an earlier request belongs to an earlier step. */
  async requests(promotion: string, hour: string, since: Instant): Promise<RequestCounts> {
    const requests = { champion: 0, challenger: 0 };
    const failing: Arms<Set<string>> = { champion: new Set(), challenger: new Set() };
    await this.#eachRow(promotion, hour, ({ arm, at, unit, requests: count, failed, fellBack }) => {
      if (at < since) return;
      requests[arm] += count;
      if (failed + fellBack > 0) failing[arm].add(unit);
    });
    return {
      requests,
      events: { champion: failing.champion.size, challenger: failing.challenger.size },
    };
  }

  /** How the shadow answered in one hour, in no order. */
  comparisons(
    promotion: string,
    hour: string,
    take: (predictionId: string, comparison: ShadowComparison) => void,
  ): Promise<void> {
    return eachOf(
      (shard) => this.#units.comparisons(promotion, hour, shard),
      ({ predictionId, comparison }) => take(predictionId, comparison),
    );
  }

  /** A day of a busy model is millions of rows: only what they add up to is held. */
  async #judged(
    promotion: string,
    hours: readonly string[],
    exposures: readonly Exposure[],
    measured: readonly Measured[],
    counts: (row: Contribution, exposure: Exposure) => boolean,
  ): Promise<JudgedUnit[]> {
    const units = new Map(
      exposures
        .filter(isPure)
        .map((exposure) => [exposure.unit, { exposure, judged: judgedUnit(exposure) }]),
    );
    // One hour after another, so that the rows of a unit are added up in one order at every look.
    for (const hour of hours)
      await this.#eachRow(promotion, hour, (row) => {
        const unit = units.get(row.unit);
        if (unit && counts(row, unit.exposure)) unit.judged.take(row, measured);
      });
    return [...units.values()].map(({ judged }) => judged);
  }

  #eachRow(promotion: string, hour: string, take: (row: Contribution) => void): Promise<void> {
    return eachOf((shard) => this.#units.contributions(promotion, hour, shard), take);
  }
}

const judgedUnit = ({ arm, covariate }: Exposure): JudgedUnit => new JudgedUnit({ arm, covariate });

/** Takes what all shards hold, in no order; none of it is held beyond its turn. */
async function eachOf<Item>(
  read: (shard: number) => AsyncIterable<Item>,
  take: (item: Item) => void,
): Promise<void> {
  await inParallel(SHARDS, AT_ONCE, async (shard) => {
    for await (const item of read(shard)) take(item);
  });
}
