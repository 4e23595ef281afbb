import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

export interface AsyncEvent {
  readonly functionName: string;
  readonly requestId: string;
  readonly payload: string;
}

/** Asynchronous invocations that were accepted and are not over: a file each, so that a crash loses none. */
export class AsyncQueue {
  readonly #folder: string;

  constructor(folder: string) {
    this.#folder = folder;
    mkdirSync(folder, { recursive: true });
  }

  /** On disk when it returns. */
  accept(functionName: string, payload: string): AsyncEvent {
    const event: AsyncEvent = { functionName, requestId: randomUUID(), payload };
    const path = this.#path(event);
    writeFileSync(`${path}.new`, JSON.stringify(event));
    renameSync(`${path}.new`, path);
    return event;
  }

  finish(event: AsyncEvent): void {
    rmSync(this.#path(event), { force: true });
  }

  /** What an earlier run accepted and did not finish. */
  unfinished(): AsyncEvent[] {
    return readdirSync(this.#folder)
      .filter((name) => name.endsWith('.json'))
      .map((name) => JSON.parse(readFileSync(join(this.#folder, name), 'utf8')) as AsyncEvent);
  }

  #path({ requestId }: AsyncEvent): string {
    return join(this.#folder, `${requestId}.json`);
  }
}
