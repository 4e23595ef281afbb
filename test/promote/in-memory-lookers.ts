import type { Instant } from '../../functions/contracts/instant.ts';
import type { Ringing } from '../../functions/promote/evidence.ts';
import type { Lookers } from '../../functions/promote/looking.ts';
import { UnitReader } from '../../functions/promote/unit-reader.ts';
import { shardOf } from '../../functions/record/join-keys.ts';
import type {
  Compared,
  Contribution,
  Exposure,
  UnitTable,
} from '../../functions/record/unit-table.ts';
import { START_MS } from '../builders/route.ts';
import type { InMemoryPromotions } from './in-memory-promotions.ts';

type Arm = Exposure['arm'];
/** An exposure with what the shadow said of its request. */
type Exposed = Omit<Exposure, 'arms'>;

/** The unit table in memory: the earliest exposure and the largest revision win, in any order. */
export class InMemoryUnits {
  readonly exposed = new Map<string, Exposed & { readonly arms: Set<Arm> }>();
  readonly contributed = new Map<string, Contribution>();
  readonly compared = new Map<string, Compared>();
  /** Thrown by whatever reads; of contributions alone where a shard is given. */
  outage: Error | undefined;
  outageOfShard: number | undefined;
  /** Partitions that were read. */
  reads = 0;

  expose(exposure: Exposed): void {
    const known = this.exposed.get(exposure.unit);
    const arms = new Set([...(known?.arms ?? []), exposure.arm]);
    const isEarlier = !known || known.firstExposedAt > exposure.firstExposedAt;
    this.exposed.set(exposure.unit, { ...(isEarlier ? exposure : known), arms });
  }

  contribute(row: Contribution): void {
    const key = `${row.unit}#${row.predictionId}#${row.row}`;
    const known = this.contributed.get(key);
    if (!known || known.revision < row.revision) this.contributed.set(key, row);
  }

  compare(compared: Compared): void {
    this.compared.set(compared.predictionId, compared);
  }

  get table(): UnitTable {
    return {
      exposures: (_: string, shard: number) =>
        this.#read(this.#exposures().filter(({ unit }) => shardOf(unit) === shard)),
      contributions: (_: string, hour: string, shard: number) =>
        this.#read(
          [...this.contributed.values()].filter(
            ({ at, unit }) => at.startsWith(hour) && shardOf(unit) === shard,
          ),
          shard,
        ),
      comparisons: (_: string, hour: string, shard: number) =>
        this.#read(
          [...this.compared.values()].filter(
            ({ predictionId, requestedAt }) =>
              requestedAt.startsWith(hour) && shardOf(predictionId) === shard,
          ),
        ),
    } as unknown as UnitTable;
  }

  #exposures() {
    return [...this.exposed.values()].map((each) => ({ ...each, arms: [...each.arms].toSorted() }));
  }

  async *#read<Item>(items: readonly Item[], shard?: number): AsyncGenerator<Item> {
    this.reads += 1;
    if (this.outage && (this.outageOfShard ?? shard) === shard) throw this.outage;
    yield* items;
  }
}

export const NOTHING_RINGS: Ringing = { champion: [], challenger: [], model: [] };

/** An objective that is missed from the beginning of the place on. */
export const rings = (metric: string, sinceMs = START_MS) => [{ metric, sinceMs }];

export class InMemoryLookers {
  readonly units = new InMemoryUnits();
  ringing = NOTHING_RINGS;
  alarmOutage: Error | undefined;
  shadowOutage: Error | undefined;
  /** Hours of comparisons that were read, in order. */
  readonly shadowHours: string[] = [];
  readonly lookers: Lookers;

  constructor(held: InMemoryPromotions) {
    const units = new UnitReader(this.units.table);
    this.lookers = {
      ...held.context,
      units,
      alarms: async () => {
        if (this.alarmOutage) throw this.alarmOutage;
        return this.ringing;
      },
      frozen: (_, name, make) => held.freeze(name, make),
      comparisons: (promotion, hour, take) => {
        this.shadowHours.push(hour);
        if (this.shadowOutage) return Promise.reject(this.shadowOutage);
        return units.comparisons(promotion, hour, take);
      },
    };
  }
}

/** One scored request of a unit; the unit is exposed by it. */
export function ask(
  units: InMemoryUnits,
  unit: string,
  arm: Arm,
  at: Instant,
  over: Partial<Contribution> & { readonly covariate?: number } = {},
): void {
  const { covariate, ...rest } = over;
  units.expose({
    promotion: 'm-p1',
    unit,
    arm,
    firstExposedAt: at,
    predictionId: `${unit} ${at}`,
    ...(covariate !== undefined && { covariate }),
  });
  units.contribute({
    promotion: 'm-p1',
    unit,
    predictionId: `${unit} ${at}`,
    row: 0,
    arm,
    at,
    requests: 1,
    latencyMs: 10,
    failed: 0,
    fellBack: 0,
    revision: 1,
    ...rest,
  });
}
