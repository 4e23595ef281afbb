import type { ModelSpec } from '../../functions/contracts/model-spec.ts';
import type { World } from '../../infra/local/demo/worlds/world.ts';
import { type RunningStack, until } from './running-stack.ts';

interface Due {
  readonly atMs: number;
  readonly body: Readonly<Record<string, unknown>>;
}

/** API Gateway's callers; more at once would only wait for each other here. */
const CALLERS = 6;
/** The outcomes API takes this many a request. */
const REPORTED = 500;

/**
 * Callers of one model as its world has them: requests of the moment, and each outcome reported when the
 * world makes it known, not before.
 */
export class WorldTraffic {
  readonly #stack: RunningStack;
  readonly #spec: ModelSpec;
  readonly #world: World;
  #seed = 100;
  #due: Due[] = [];
  readonly predictionIds: string[] = [];
  /** Requests that were not answered with 200. */
  readonly failed: unknown[] = [];
  readonly versions = new Map<string, number>();

  constructor(stack: RunningStack, spec: ModelSpec, world: World) {
    this.#stack = stack;
    this.#spec = spec;
    this.#world = world;
  }

  /** Sends so many requests now, and reports what has become known by now. */
  async flow(count: number): Promise<void> {
    const from = this.#stack.clock.nowMs();
    this.#seed += 1;
    const requests = this.#world.requests(this.#seed, { from });
    const callers = Array.from({ length: CALLERS }, async (_, caller) => {
      for (let at = caller; at < count; at += CALLERS) await this.#ask(requests.next().value);
    });
    await Promise.all(callers);
    await this.report();
  }

  async report(): Promise<void> {
    const nowMs = this.#stack.clock.nowMs();
    const known = this.#due.filter(({ atMs }) => atMs <= nowMs);
    this.#due = this.#due.filter(({ atMs }) => atMs > nowMs);
    for (let at = 0; at < known.length; at += REPORTED) {
      const outcomes = known.slice(at, at + REPORTED).map(({ body }) => body);
      const { status, text } = await this.#stack.call('POST', '/v1/outcomes', outcomes);
      if (status !== 200) throw new Error(`outcomes were refused: ${text}`);
    }
  }

  /** Waits until all that was answered is recorded. */
  async recorded(): Promise<void> {
    const dimensions = { Model: this.#spec.name };
    const sum = (name: string) => this.#stack.metrics.statistics('Slipway', name, dimensions).sum;
    await until(() => sum('RecordedRows') >= sum('Rows'), 60_000);
  }

  async #ask({
    route,
    body,
    outcomes,
  }: ReturnType<World['requests']> extends Generator<infer R> ? R : never) {
    const path = `/v1/models/${this.#spec.name}/${route}`;
    const { status, json, text } = await this.#stack.call('POST', path, body);
    if (status !== 200) return void this.failed.push({ status, text });
    const version = String(json['version']);
    this.versions.set(version, (this.versions.get(version) ?? 0) + 1);
    const nowMs = this.#stack.clock.nowMs();
    const predictionId = String(json['predictionId']);
    this.predictionIds.push(predictionId);
    for (const { row, outcome, delayMs } of outcomes) {
      const atMs = nowMs + delayMs;
      const slot =
        'items' in body ? this.#interaction(body.items[row]?.['id'], outcome) : { row, outcome };
      const observedAt = new Date(atMs).toISOString();
      this.#due.push({ atMs, body: { predictionId, observedAt, ...slot } });
    }
  }

  /** Worlds say relevance, callers say what happened. */
  #interaction(item: unknown, outcome: number | string) {
    const { task } = this.#spec;
    const bought = task.kind === 'ranking' && outcome === task.relevance.purchase;
    return { item, outcome: bought ? 'purchase' : 'click' };
  }
}
