import { epochMsOf } from '../runtime/clock.ts';
import { inParallel } from '../runtime/in-parallel.ts';
import { type Measured, type MetricTotals, mergeTotals, totalsOf } from './arm-sums.ts';
import type { LookSources, Subject } from './evidence.ts';
import { UNIT_SHARDS } from './unit-reader.ts';

const HOUR_MS = 3_600_000;
/**
 * One is added up while the next page of the other is on its way. The fewer at once, the more are whole when a
 * look is cut off, and the fewer units are held.
 */
const AT_ONCE = 2;

/** A shard holds its units wholly: what the shards add up to is what all units do. */
const addUpShards = async (
  totalsOfShard: (shard: number) => Promise<MetricTotals>,
): Promise<MetricTotals> =>
  (await inParallel(UNIT_SHARDS, AT_ONCE, totalsOfShard)).reduce(mergeTotals, {});

/**
 * What the units of a mature cohort add up to, counted once. A look that is cut off in a large cohort has kept
 * the shards it got through, and the next goes on from there.
 */
export function cohortTotals(
  day: string,
  { promotion: { id, model, place, placeSince } }: Subject,
  measured: readonly Measured[],
  { units, frozen }: Pick<LookSources, 'units' | 'frozen'>,
): Promise<MetricTotals> {
  const name = `cohort#${id}#${place.step}#${day}`;
  return frozen(model, name, () =>
    addUpShards((shard) =>
      frozen(model, `${name}#${shard}`, async () => {
        const part = { promotion: id, since: placeSince, shard };
        return totalsOf(await units.cohort(part, day, measured), measured);
      }),
    ),
  );
}

/** What the matured requests of all units add up to since the place was opened. */
export function totalsSoFar(
  { promotion: { id, startedAt, placeSince }, spec, nowMs }: Subject,
  measured: readonly Measured[],
  { units }: Pick<LookSources, 'units'>,
): Promise<MetricTotals> {
  const untilMs = nowMs - spec.monitoring.outcomes.maturityHours * HOUR_MS;
  const span = { fromMs: epochMsOf(placeSince), untilMs };
  return addUpShards(async (shard) => {
    // Who was exposed on an earlier rung stays exposed on this one.
    const part = { promotion: id, since: startedAt, shard };
    return totalsOf(await units.recent(part, span, measured), measured);
  });
}
