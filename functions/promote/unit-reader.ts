import type { Instant } from '../contracts/instant.ts';
import { LIMITS } from '../contracts/limits.ts';
import type { ShadowComparison } from '../contracts/shadow-comparison.ts';
import type { Arms } from '../measures/arm-effect.ts';
import type { Contribution, Exposure, UnitTable } from '../record/unit-table.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import type { ArmName, JudgedUnit } from './arm-sums.ts';
import { cohortOf, hoursOfCohort, isInWindow } from './cohorts.ts';

/** Requests of each arm in some hours, and failures, of which a unit has at most one an hour. */
export interface RequestCounts {
  readonly requests: Arms<number>;
  readonly events: Arms<number>;
}

export const NO_REQUESTS: RequestCounts = {
  requests: { champion: 0, challenger: 0 },
  events: { champion: 0, challenger: 0 },
};

/** A unit that was seen in one arm only. */
const isPure = ({ arms }: Exposure): boolean => arms.length === 1;

/** Partitions read at once: a look takes seconds, and DynamoDB spreads them. */
const AT_ONCE = 16;

/** Reads what recording wrote of a promotion's units. */
export class UnitReader {
  readonly #units: UnitTable;

  constructor(units: UnitTable) {
    this.#units = units;
  }

  /** Units first exposed since an instant; earlier ones belong to an earlier step. */
  async exposures(promotion: string, since: Instant): Promise<Exposure[]> {
    const shards = Array.from({ length: LIMITS.keyShards }, (_, shard) => shard);
    const found = await inParallel(shards, AT_ONCE, async (shard) => {
      const exposures: Exposure[] = [];
      for await (const exposure of this.#units.exposures(promotion, shard))
        if (exposure.firstExposedAt >= since) exposures.push(exposure);
      return exposures;
    });
    return found.flat();
  }

  /** The units of one cohort with the requests of their windows. */
  async cohort(
    promotion: string,
    day: string,
    exposures: readonly Exposure[],
  ): Promise<JudgedUnit[]> {
    const units = new Map<string, Exposure>();
    for (const exposure of exposures)
      if (cohortOf(exposure.firstExposedAt) === day && isPure(exposure))
        units.set(exposure.unit, exposure);
    return this.#judged(
      units,
      await this.#rows(promotion, hoursOfCohort(day)),
      ({ at }, exposure) => isInWindow(at, exposure.firstExposedAt),
    );
  }

  /** All units with their requests in some hours that are old enough to be judged. */
  async recent(
    promotion: string,
    hours: readonly string[],
    exposures: readonly Exposure[],
    judgedBeforeMs: number,
    since: Instant,
  ): Promise<JudgedUnit[]> {
    const units = new Map(exposures.filter(isPure).map((exposure) => [exposure.unit, exposure]));
    return this.#judged(
      units,
      await this.#rows(promotion, hours),
      ({ at }) => at >= since && epochMsOf(at) <= judgedBeforeMs,
    );
  }

  /** Requests and failures of one hour. @param since an earlier request belongs to an earlier step. */
  async requests(promotion: string, hour: string, since: Instant): Promise<RequestCounts> {
    const requests = { champion: 0, challenger: 0 };
    const failing: Arms<Set<string>> = { champion: new Set(), challenger: new Set() };
    for (const { arm, at, unit, requests: count, failed, fellBack } of await this.#rows(promotion, [
      hour,
    ])) {
      if (at < since) continue;
      requests[arm] += count;
      if (failed + fellBack > 0) failing[arm].add(unit);
    }
    return {
      requests,
      events: { champion: failing.champion.size, challenger: failing.challenger.size },
    };
  }

  /** How the shadow answered in one hour: in no order, and no more of it in memory than is being read. */
  async comparisons(
    promotion: string,
    hour: string,
    take: (predictionId: string, comparison: ShadowComparison) => void,
  ): Promise<void> {
    const shards = Array.from({ length: LIMITS.keyShards }, (_, shard) => shard);
    await inParallel(shards, AT_ONCE, async (shard) => {
      const found = this.#units.comparisons(promotion, hour, shard);
      for await (const { predictionId, comparison } of found) take(predictionId, comparison);
    });
  }

  async #rows(promotion: string, hours: readonly string[]): Promise<Contribution[]> {
    const partitions = hours.flatMap((hour) =>
      Array.from({ length: LIMITS.keyShards }, (_, shard) => ({ hour, shard })),
    );
    const found = await inParallel(partitions, AT_ONCE, async ({ hour, shard }) => {
      const rows: Contribution[] = [];
      for await (const row of this.#units.contributions(promotion, hour, shard)) rows.push(row);
      return rows;
    });
    return found.flat();
  }

  #judged(
    units: ReadonlyMap<string, Exposure>,
    rows: readonly Contribution[],
    counts: (row: Contribution, exposure: Exposure) => boolean,
  ): JudgedUnit[] {
    const byUnit = Map.groupBy(rows, ({ unit }) => unit);
    return [...units.values()].map((exposure) => ({
      arm: exposure.arm satisfies ArmName,
      covariate: exposure.covariate,
      rows: (byUnit.get(exposure.unit) ?? []).filter((row) => counts(row, exposure)),
    }));
  }
}
