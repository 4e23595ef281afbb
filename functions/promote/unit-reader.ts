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

/** Units that met a version in one arm only, and those that met both. */
export interface ExposedUnits {
  readonly exposed: Arms<number>;
  readonly mixedUnits: number;
}

/** Units that one shard holds, first exposed since an instant: earlier ones belong to an earlier step. */
interface UnitsOfShard {
  readonly promotion: string;
  readonly since: Instant;
  readonly shard: number;
}

/** Both ends are in it. */
interface Span {
  readonly fromMs: number;
  readonly untilMs: number;
}

/** A unit that was seen in one arm only. */
const isPure = ({ arms }: Exposure): boolean => arms.length === 1;

/** Partitions read at once: a look takes seconds, and DynamoDB spreads them. */
const AT_ONCE = 16;
/** Each unit is in one, with all that is recorded of it. */
export const UNIT_SHARDS = Array.from({ length: LIMITS.keyShards }, (_, shard) => shard);

/** Reads what recording wrote of a promotion's units. */
export class UnitReader {
  readonly #units: UnitTable;

  constructor(units: UnitTable) {
    this.#units = units;
  }

  /** @param since earlier units belong to an earlier step. */
  async countExposed(promotion: string, since: Instant): Promise<ExposedUnits> {
    const exposed = { champion: 0, challenger: 0 };
    let mixedUnits = 0;
    await eachOf(
      (shard) => this.#units.exposures(promotion, shard),
      (exposure) => {
        if (exposure.firstExposedAt < since) return;
        if (isPure(exposure)) exposed[exposure.arm] += 1;
        else mixedUnits += 1;
      },
    );
    return { exposed, mixedUnits };
  }

  /** The units of one cohort with what the requests of their windows add up to. */
  cohort(part: UnitsOfShard, day: string, measured: readonly Measured[]): Promise<JudgedUnit[]> {
    return this.#judged(part, hoursOfCohort(day), measured, {
      isOf: ({ firstExposedAt }) => cohortOf(firstExposedAt) === day,
      counts: ({ at }, { firstExposedAt }) => isInWindow(at, firstExposedAt),
    });
  }

  /** All units with what their requests in a span add up to. */
  recent(
    part: UnitsOfShard,
    { fromMs, untilMs }: Span,
    measured: readonly Measured[],
  ): Promise<JudgedUnit[]> {
    return this.#judged(part, hoursBetween(fromMs, untilMs + 1), measured, {
      isOf: () => true,
      counts: ({ at }) => epochMsOf(at) >= fromMs && epochMsOf(at) <= untilMs,
    });
  }

  /** Requests and failures of one hour. @param since an earlier request belongs to an earlier step. */
  async requests(promotion: string, hour: string, since: Instant): Promise<RequestCounts> {
    const requests = { champion: 0, challenger: 0 };
    const failing: Arms<Set<string>> = { champion: new Set(), challenger: new Set() };
    await eachOf(
      (shard) => this.#units.contributions(promotion, hour, shard),
      ({ arm, at, unit, requests: count, failed, fellBack }) => {
        if (at < since) return;
        requests[arm] += count;
        if (failed + fellBack > 0) failing[arm].add(unit);
      },
    );
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
    { promotion, since, shard }: UnitsOfShard,
    hours: readonly string[],
    measured: readonly Measured[],
    { isOf, counts }: Choice,
  ): Promise<JudgedUnit[]> {
    const units = new Map<string, Judged>();
    for await (const exposure of this.#units.exposures(promotion, shard))
      if (exposure.firstExposedAt >= since && isPure(exposure) && isOf(exposure))
        units.set(exposure.unit, { exposure, judged: judgedUnit(exposure) });
    // One hour after another, so that the rows of a unit are added up in one order at every look.
    for (const hour of hours)
      for await (const row of this.#units.contributions(promotion, hour, shard)) {
        const unit = units.get(row.unit);
        if (unit && counts(row, unit.exposure)) unit.judged.take(row, measured);
      }
    return [...units.values()].map(({ judged }) => judged);
  }
}

interface Judged {
  readonly exposure: Exposure;
  readonly judged: JudgedUnit;
}

/** Which units are judged, and by which of their rows. */
interface Choice {
  readonly isOf: (exposure: Exposure) => boolean;
  readonly counts: (row: Contribution, exposure: Exposure) => boolean;
}

const judgedUnit = ({ arm, covariate }: Exposure): JudgedUnit => new JudgedUnit({ arm, covariate });

/** Takes what all shards hold, in no order; none of it is held beyond its turn. */
async function eachOf<Item>(
  read: (shard: number) => AsyncIterable<Item>,
  take: (item: Item) => void,
): Promise<void> {
  await inParallel(UNIT_SHARDS, AT_ONCE, async (shard) => {
    for await (const item of read(shard)) take(item);
  });
}
