import type { Clock } from '../clock.ts';
import type { Schedule } from './schedule-expression.ts';

export interface Scheduled {
  readonly schedule: Schedule;
  /** Resolves once what the time brings is on disk. */
  fire(atMs: number): Promise<void>;
}

/** Of a jump of the clock a schedule makes up for no more times than this. */
const MOST_TIMES = 1000;

/**
 * Fires schedules on the virtual clock from now until the signal. Times that passed while the runner was
 * stopped are not made up for, those that a jump of the clock passes over are.
 */
export async function runSchedules(
  scheduled: readonly Scheduled[],
  { clock, onFault }: { readonly clock: Clock; readonly onFault: (fault: unknown) => void },
  signal: AbortSignal,
): Promise<void> {
  const startMs = clock.nowMs();
  await Promise.all(
    scheduled.map(async (each) => {
      const { schedule } = each;
      let fired = 0;
      let dueMs = schedule.nextAfter(startMs);
      while (dueMs !== undefined) {
        try {
          await clock.sleep(dueMs - clock.nowMs(), signal);
        } catch {
          // Stopped: the signal is the only thing a sleep rejects with.
          return;
        }
        if (signal.aborted) return;
        await each.fire(dueMs).catch(onFault);
        const nextMs = schedule.nextAfter(dueMs);
        fired = nextMs !== undefined && nextMs <= clock.nowMs() ? fired + 1 : 0;
        dueMs = fired < MOST_TIMES ? nextMs : schedule.nextAfter(clock.nowMs());
      }
    }),
  );
}
