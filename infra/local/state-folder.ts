import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';

const Holder = z.object({ pid: z.int(), url: z.string() });
type Holder = z.infer<typeof Holder>;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

/** `.slipway/`: everything the runner must find again after it was killed, and who uses it now. */
export class StateFolder {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
    mkdirSync(path, { recursive: true });
  }

  /** Makes access keys and API keys; the same at every start. */
  get secret(): string {
    const file = join(this.path, 'secret');
    if (!existsSync(file)) writeFileSync(file, randomBytes(32).toString('hex'), { mode: 0o600 });
    return readFileSync(file, 'utf8');
  }

  folder(name: string): string {
    const folder = join(this.path, name);
    mkdirSync(folder, { recursive: true });
    return folder;
  }

  /** @throws when another runner that is alive uses this state: LevelDB takes one process at a time. */
  claim(url: string): void {
    const holder = this.#holder();
    if (holder && holder.pid !== process.pid && isAlive(holder.pid))
      throw new Error(
        `${this.path} is in use by another Slipway: process ${holder.pid} on ${holder.url}. Stop that one, or choose another folder with --state.`,
      );
    writeFileSync(this.#holderFile, JSON.stringify({ pid: process.pid, url } satisfies Holder));
  }

  release(): void {
    if (this.#holder()?.pid === process.pid) rmSync(this.#holderFile, { force: true });
  }

  get #holderFile(): string {
    return join(this.path, 'runner.json');
  }

  /** Undefined too where the file was cut off: its writer is dead. */
  #holder(): Holder | undefined {
    if (!existsSync(this.#holderFile)) return undefined;
    const parsed = Holder.safeParse(parseJson(readFileSync(this.#holderFile, 'utf8')));
    return parsed.success ? parsed.data : undefined;
  }
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}
