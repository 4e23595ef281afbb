/**
 * Outlives the runner by a moment: kills the execution environments it was told of when the runner is
 * gone, however it went. They are stopped between invocations and so cannot notice for themselves.
 * Its arguments are the first of them; lines `+pid` and `-pid` follow on its input, whose end of its input is the end of the runner.
 */
import { createInterface } from 'node:readline';

const alive = new Set(process.argv.slice(2).map(Number));
// Ctrl-C reaches the whole process group; the reaper still has work to do then.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => undefined);

for await (const line of createInterface({ input: process.stdin })) {
  const pid = Number(line.slice(1));
  if (line.startsWith('+')) alive.add(pid);
  else alive.delete(pid);
}
for (const pid of alive)
  try {
    process.kill(pid, 'SIGKILL');
  } catch (error) {
    // Gone already.
    if (!(error instanceof Error && 'code' in error && error.code === 'ESRCH')) throw error;
  }
