import { LIMITS } from '../contracts/limits.ts';
import type { ModelSpec } from '../contracts/model-spec.ts';
import type { Components } from '../contracts/quality-metric.ts';
import { addUnit, momentsOf, NO_UNITS, type UnitSums } from '../measures/unit-sums.ts';
import type { CohortEntry, JoinTable } from '../record/join-table.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { hoursBetween } from './cohorts.ts';
import type { Traffic } from './forecast.ts';
import { measuredBy } from './look-judgement.ts';

const HOUR_MS = 3_600_000;
/** Partitions read at once. */
const AT_ONCE = 16;

/**
 * What the last matured day of recorded requests says of the plan's metrics, and of its units beside those of
 * the day before, from as many of the requests as are read in a few seconds. Undefined where nothing was
 * recorded with a unit.
 */
export async function recentTraffic(
  spec: ModelSpec,
  joins: Pick<JoinTable, 'cohort'>,
  nowMs: number,
): Promise<Traffic | undefined> {
  const untilMs = nowMs - spec.monitoring.outcomes.maturityHours * HOUR_MS;
  const readDay = async (endMs: number) => {
    const partitions = hoursBetween(endMs - 24 * HOUR_MS, endMs).flatMap((hour) =>
      Array.from({ length: LIMITS.keyShards }, (_, shard) => ({ hour, shard })),
    );
    // One page a partition: a busy model has many partitions, and every one is a fair sample.
    const pages = await inParallel(partitions, AT_ONCE, ({ hour, shard }) =>
      joins.cohort(spec.name, hour, shard),
    );
    return {
      entries: pages.flatMap(({ entries }) => entries),
      isSampled: pages.some(({ nextKey }) => nextKey !== undefined),
    };
  };
  const before = await readDay(untilMs - 24 * HOUR_MS);
  const { entries, isSampled } = await readDay(untilMs);
  const known = new Set(before.entries.map(({ unit }) => unit));
  const traffic = trafficOf(spec, entries, known);
  return traffic && { ...traffic, isSampled };
}

/** @param known units that had come before. */
export function trafficOf(
  spec: ModelSpec,
  entries: readonly CohortEntry[],
  known: ReadonlySet<string | undefined>,
): Omit<Traffic, 'isSampled'> | undefined {
  const step = spec.promotion.steps.find(({ kind }) => kind === 'ab');
  if (step?.kind !== 'ab') return undefined;
  const unitOf = new Map<string, string>();
  for (const { predictionId, unit } of entries)
    if (unit !== undefined) unitOf.set(predictionId, unit);
  const units = new Set(unitOf.values());
  if (units.size === 0) return undefined;
  const scored = entries.filter(({ components }) => components !== undefined);
  const byUnit = Map.groupBy(scored, ({ predictionId }) => unitOf.get(predictionId));
  const metrics = Object.fromEntries(
    measuredBy(step, spec).map(({ unitMetric }) => {
      let sums: UnitSums = NO_UNITS;
      for (const [unit, scores] of byUnit) {
        if (unit === undefined) continue;
        let [top, bottom] = [0, 0];
        for (const { components = '{}' } of scores) {
          const row = { requests: 0, latencyMs: 0, failed: 0, fellBack: 0 };
          const terms = unitMetric.termsOf({
            ...row,
            components: JSON.parse(components) as Components,
          });
          top += terms?.top ?? 0;
          bottom += terms?.bottom ?? 0;
        }
        if (bottom > 0) sums = addUnit(sums, top / bottom, 0);
      }
      const moments = momentsOf(sums);
      const spread = moments && { mean: moments.meanY, variance: moments.varY };
      return [unitMetric.metric, spread];
    }),
  );
  return { unitsPerDay: units.size, newUnitsPerDay: units.difference(known).size, metrics };
}
