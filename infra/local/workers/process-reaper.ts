import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The runner's end of `reaper.ts`: tells it which processes must not outlive the runner. */
export class ProcessReaper {
  readonly #child: ChildProcess;

  constructor() {
    this.#child = spawn(process.execPath, [join(import.meta.dirname, 'reaper.ts')], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // A process group of its own: a signal for the runner's group must not end it first.
      detached: true,
    });
    this.#child.unref();
  }

  watch(pid: number): void {
    this.#child.stdin?.write(`+${pid}\n`);
  }

  forget(pid: number): void {
    this.#child.stdin?.write(`-${pid}\n`);
  }

  stop(): void {
    this.#child.stdin?.end();
  }
}
