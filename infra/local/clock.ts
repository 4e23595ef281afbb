import { setMaxListeners } from 'node:events';

/**
 * The runner's one clock. Waits, schedules, metric time, expiry and tickets follow it and can run
 * faster than the wall; retries, time-outs and signatures stay on real time, because the work between
 * them does not get faster.
 */
export interface Clock {
  /** Virtual milliseconds since the epoch. */
  nowMs(): number;
  /** Resolves once `durationMs` of virtual time have passed; rejects with the signal's reason. */
  sleep(durationMs: number, signal?: AbortSignal): Promise<void>;
}

export class VirtualClock implements Clock {
  #speed: number;
  #virtualAnchorMs: number;
  #realAnchorMs = performance.now();
  readonly #changed = new EventTarget();

  /** @param startMs virtual epoch milliseconds now; @param speed virtual seconds per real second, > 0. */
  constructor(startMs: number, speed = 1) {
    this.#virtualAnchorMs = startMs;
    this.#speed = speed;
    // Every sleeper listens: a schedule, a queue, a state machine each.
    setMaxListeners(0, this.#changed);
  }

  nowMs(): number {
    return this.#virtualAnchorMs + (performance.now() - this.#realAnchorMs) * this.#speed;
  }

  get speed(): number {
    return this.#speed;
  }

  setSpeed(speed: number): void {
    if (!(speed > 0)) throw new RangeError(`clock speed must be above 0, got ${speed}`);
    this.#reanchor(this.nowMs());
    this.#speed = speed;
    this.#changed.dispatchEvent(new Event('changed'));
  }

  /** Jumps forward; sleepers whose time has come wake. */
  advance(durationMs: number): void {
    if (durationMs < 0) throw new RangeError('the clock does not go back');
    this.#reanchor(this.nowMs() + durationMs);
    this.#changed.dispatchEvent(new Event('changed'));
  }

  async sleep(durationMs: number, signal?: AbortSignal): Promise<void> {
    const wakeAtMs = this.nowMs() + durationMs;
    while (this.nowMs() < wakeAtMs) {
      signal?.throwIfAborted();
      await this.#pause((wakeAtMs - this.nowMs()) / this.#speed, signal);
    }
  }

  #reanchor(virtualMs: number): void {
    this.#virtualAnchorMs = virtualMs;
    this.#realAnchorMs = performance.now();
  }

  /** One timer, cut short by a change of speed, a jump or the signal. */
  #pause(realMs: number, signal?: AbortSignal): Promise<void> {
    // setTimeout overflows to 1 ms above 2^31 - 1 ms (24.8 days); longer sleeps go round again.
    const boundedMs = Math.min(Math.max(realMs, 0), 2 ** 31 - 1);
    return new Promise((resolve, reject) => {
      const finish = (settle: () => void) => () => {
        clearTimeout(timer);
        this.#changed.removeEventListener('changed', onChange);
        signal?.removeEventListener('abort', onAbort);
        settle();
      };
      const onChange = finish(resolve);
      const onAbort = finish(() => reject(signal?.reason));
      const timer = setTimeout(finish(resolve), Math.ceil(boundedMs));
      this.#changed.addEventListener('changed', onChange);
      signal?.addEventListener('abort', onAbort);
    });
  }
}
