import type { Instant } from '../contracts/instant.ts';
import { epochMsOf } from '../runtime/clock.ts';
import { maturedWindow, type Snapshooter } from './snapshot.ts';

/**
 * Records the snapshot that the spec's schedule asks for; the same tick is the same snapshot, however often
 * it is delivered. @returns its id.
 */
export async function recordScheduled(
  model: string,
  scheduledAt: Instant,
  { specs, table }: Pick<Snapshooter, 'specs' | 'table'>,
): Promise<string> {
  const spec = specs.find(({ name }) => name === model);
  if (!spec?.snapshots) throw new Error(`${model} has no schedule of snapshots`);
  const { purpose, windowDays, units } = spec.snapshots;
  const { maturityHours } = spec.monitoring.outcomes;
  const nowMs = epochMsOf(scheduledAt);
  const snapshotId = `scheduled-${scheduledAt.slice(0, 10)}`;
  await table.addSnapshot({
    model,
    snapshotId,
    purpose,
    ...maturedWindow(nowMs, maturityHours, windowDays),
    units,
    seed: 0,
    description: `scheduled, the ${windowDays} days that had matured on ${scheduledAt.slice(0, 10)}`,
    requestedAt: scheduledAt,
    requestedBy: 'schedule',
    state: { kind: 'running' },
  });
  return snapshotId;
}
