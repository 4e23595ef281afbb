import { type ChildProcess, spawn } from 'node:child_process';
import { join } from 'node:path';

/** The runner's end of `reaper.ts`: tells it which processes must not outlive the runner. */
export class ProcessReaper {
  readonly #watched = new Set<number>();
  #child: ChildProcess;
  #isStopping = false;

  constructor() {
    this.#child = this.#spawn();
  }

  watch(pid: number): void {
    this.#watched.add(pid);
    this.#say(`+${pid}`);
  }

  forget(pid: number): void {
    this.#watched.delete(pid);
    this.#say(`-${pid}`);
  }

  stop(): void {
    this.#isStopping = true;
    this.#child.stdin?.end();
  }

  #say(line: string): void {
    this.#child.stdin?.write(`${line}\n`);
  }

  #spawn(): ChildProcess {
    // Those that run already come with it: a runner that is killed next could not tell it of them any more.
    const watched = [...this.#watched].map(String);
    const reaper = join(import.meta.dirname, 'reaper.ts');
    const child = spawn(process.execPath, [reaper, ...watched], {
      stdio: ['pipe', 'ignore', 'ignore'],
      // A process group of its own: a signal for the runner's group must not end it first.
      detached: true,
    });
    child.unref();
    // Its end shows as `exit`, which replaces it; what a line said meanwhile is known to the next one.
    child.stdin?.on('error', () => undefined);
    child.on('exit', () => this.#replace());
    return child;
  }

  /** Somebody killed it: without one, workers would stay behind when the runner is killed too. */
  #replace(): void {
    if (this.#isStopping) return;
    this.#child = this.#spawn();
  }
}
