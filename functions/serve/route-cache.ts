import { LIMITS } from '../contracts/limits.ts';
import type { Route } from '../contracts/route.ts';
import type { Clock } from '../runtime/clock.ts';

export interface RouteReader {
  read(model: string, signal?: AbortSignal): Promise<Route | undefined>;
}

export interface FreshRoute {
  readonly route: Route;
  /** Set when the table did not answer in time and an older route serves; for a metric. */
  readonly staleBecause?: unknown;
}

/**
 * The route of one model, never older than `routeAgeMs` when it is used unless the table is silent. Read
 * on the request's path on purpose: a frozen environment refreshes nothing in the background.
 */
export class RouteCache {
  readonly #reader: RouteReader;
  readonly #model: string;
  readonly #clock: Clock;
  readonly #readMs: number;
  #route: Route | undefined;
  #readAtMs = Number.NEGATIVE_INFINITY;

  /** @param readMs what a fresh route is waited for before an older one serves. */
  constructor(
    reader: RouteReader,
    model: string,
    clock: Clock,
    readMs: number = LIMITS.routeReadMs,
  ) {
    this.#reader = reader;
    this.#model = model;
    this.#clock = clock;
    this.#readMs = readMs;
  }

  /** Undefined when the model has no route yet. @throws when the very first read fails. */
  async current(): Promise<FreshRoute | undefined> {
    const nowMs = this.#clock.nowMs();
    if (this.#route && nowMs - this.#readAtMs < LIMITS.routeAgeMs) return { route: this.#route };
    const budgetMs = this.#route ? this.#readMs : LIMITS.firstRouteReadMs;
    try {
      this.#route = await this.#reader.read(this.#model, AbortSignal.timeout(budgetMs));
      this.#readAtMs = nowMs;
    } catch (error) {
      if (!this.#route)
        throw new Error(`the route of ${this.#model} could not be read`, { cause: error });
      return { route: this.#route, staleBecause: error };
    }
    return this.#route && { route: this.#route };
  }
}
