import { LIMITS } from '../contracts/limits.ts';
import type { ServedVersion } from '../contracts/route.ts';
import type { Clock } from '../runtime/clock.ts';
import type { Backend } from './backend.ts';

/** A version could not be made ready: its artifact is missing or corrupt, or the graph does not open. */
export class VersionUnavailable extends Error {
  override readonly name = 'VersionUnavailable';
  readonly version: string;

  constructor(version: string, cause: unknown) {
    super(
      `version ${version} could not be opened: ${cause instanceof Error ? cause.message : String(cause)}`,
      { cause },
    );
    this.version = version;
  }
}

interface Slot {
  readonly backend: Promise<Backend>;
  /** Set once opening has failed: until then nobody tries again. */
  retryAtMs?: number;
}

/** Backends kept warm, least recently used first to go. */
export class BackendPool {
  readonly #open: (served: ServedVersion) => Promise<Backend>;
  readonly #clock: Clock;
  /** In order of use. */
  readonly #slots = new Map<string, Slot>();

  constructor(open: (served: ServedVersion) => Promise<Backend>, clock: Clock) {
    this.#open = open;
    this.#clock = clock;
  }

  /** @throws VersionUnavailable. */
  async open(served: ServedVersion): Promise<Backend> {
    const key = served.endpoint ?? served.digest;
    const slot = this.#usable(key) ?? this.#start(served);
    this.#slots.delete(key);
    this.#slots.set(key, slot);
    await this.#evict();
    try {
      return await slot.backend;
    } catch (error) {
      // A broken artifact of hundreds of megabytes must not be fetched again for every request.
      slot.retryAtMs ??= this.#clock.nowMs() + LIMITS.failedOpenRetryMs;
      throw new VersionUnavailable(served.version, error);
    }
  }

  #usable(key: string): Slot | undefined {
    const slot = this.#slots.get(key);
    const isOver = slot?.retryAtMs !== undefined && slot.retryAtMs <= this.#clock.nowMs();
    return isOver ? undefined : slot;
  }

  #start(served: ServedVersion): Slot {
    return { backend: this.#open(served) };
  }

  async #evict(): Promise<void> {
    for (const [key, slot] of this.#slots) {
      if (this.#slots.size <= LIMITS.warmSessions) return;
      this.#slots.delete(key);
      const [opened] = await Promise.allSettled([slot.backend]);
      if (opened.status === 'fulfilled') await opened.value.release();
    }
  }
}
