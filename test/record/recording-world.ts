import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import { LogRecording } from '../../functions/record/log-recording.ts';
import { Measurements } from '../../functions/record/measurements.ts';
import { OutcomeReporter } from '../../functions/record/outcome-reports.ts';
import { Recorder } from '../../functions/record/recorder.ts';
import type { RecordWork } from '../../functions/record/work-queue-store.ts';
import { ManualClock } from '../builders/route.ts';
import { ArchiveInMemory, JoinsInMemory, UnitsInMemory } from './in-memory-stores.ts';

/** A recorder over stores in memory. @param disturb what happens before a store answers. */
export function recordingWorld(
  specs: readonly ModelSpec[],
  disturb: () => Promise<void> = async () => undefined,
) {
  const clock = new ManualClock();
  const lines: Record<string, unknown>[] = [];
  const logged: Readonly<Record<string, unknown>>[] = [];
  const measurements = new Measurements(
    specs,
    clock,
    (line) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  );
  const joins = new JoinsInMemory(disturb);
  const units = new UnitsInMemory(disturb);
  const archive = new ArchiveInMemory();
  const recorder = new Recorder({ specs, joins, units, archive, clock, measurements });
  const horizons = specs.map(({ monitoring }) => monitoring.outcomes.horizonHours);
  const longestHorizonHours = Math.max(...horizons);
  const reporter = new OutcomeReporter({
    recorder,
    joins,
    clock,
    measurements,
    longestHorizonHours,
    log: (entry) => void logged.push(entry),
  });
  const failed: RecordWork[] = [];
  const parked: RecordWork[] = [];
  const recording = new LogRecording({
    recorder,
    measurements,
    log: (entry) => void logged.push(entry),
    failed: { send: async (work) => void failed.push(...work) },
    parked: { send: async (work) => void parked.push(...work) },
  });
  /** Sum of a metric over the lines written so far. */
  const measured = (name: string): number =>
    lines
      .flatMap((line) => line[name] ?? [])
      .reduce<number>((sum, value) => sum + Number(value), 0);
  return {
    archive,
    clock,
    failed,
    joins,
    lines,
    logged,
    measured,
    parked,
    recorder,
    recording,
    reporter,
    units,
  };
}

export type RecordingWorld = ReturnType<typeof recordingWorld>;
