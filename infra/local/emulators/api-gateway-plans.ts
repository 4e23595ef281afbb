import { createHmac } from 'node:crypto';
import type { Clock } from '../clock.ts';
import type { Resource } from './emulator.ts';
import { isRecord } from './json.ts';

export type Admission =
  | { readonly kind: 'admitted'; readonly keyId: string }
  | { readonly kind: 'unknown-key' | 'throttled' | 'quota-exceeded' };

interface Plan {
  readonly requestsPerSecond: number;
  readonly burst: number;
  readonly requestsPerDay: number;
  tokens: number;
  refilledAtMs: number;
  day: number;
  usedToday: number;
}

const DAY_MS = 86_400_000;

const numberIn = (record: unknown, name: string): number =>
  isRecord(record) && typeof record[name] === 'number' ? record[name] : Number.POSITIVE_INFINITY;

/** API keys and their usage plans. Quotas are counted from each start of the runner on. */
export class UsagePlans {
  readonly #plans = new Map<string, { readonly keyId: string; readonly plan: Plan }>();
  readonly #clock: Clock;

  /** @param secret makes the values of keys, which the template leaves to API Gateway. */
  constructor(resources: readonly Resource[], secret: string, clock: Clock) {
    this.#clock = clock;
    const plans = new Map(
      resources
        .filter(({ type }) => type === 'AWS::ApiGateway::UsagePlan')
        .map(({ ref, properties }) => [ref, planOf(properties)]),
    );
    for (const { type, properties } of resources) {
      if (type !== 'AWS::ApiGateway::UsagePlanKey') continue;
      const keyId = String(properties['KeyId']);
      const plan = plans.get(String(properties['UsagePlanId']));
      if (plan) this.#plans.set(keyValue(secret, keyId), { keyId, plan });
    }
  }

  /** Values of the keys, first declared first. */
  get keyValues(): string[] {
    return [...this.#plans.keys()];
  }

  admit(value: string | undefined): Admission {
    const found = value === undefined ? undefined : this.#plans.get(value);
    if (!found) return { kind: 'unknown-key' };
    const { plan, keyId } = found;
    if (!this.#takeQuota(plan)) return { kind: 'quota-exceeded' };
    return takeToken(plan) ? { kind: 'admitted', keyId } : { kind: 'throttled' };
  }

  #takeQuota(plan: Plan): boolean {
    const day = Math.floor(this.#clock.nowMs() / DAY_MS);
    if (day !== plan.day) Object.assign(plan, { day, usedToday: 0 });
    plan.usedToday += 1;
    return plan.usedToday <= plan.requestsPerDay;
  }
}

/** A token bucket on real time, as requests do not come faster when the clock does. */
function takeToken(plan: Plan): boolean {
  const nowMs = performance.now();
  const refill = ((nowMs - plan.refilledAtMs) / 1000) * plan.requestsPerSecond;
  Object.assign(plan, { tokens: Math.min(plan.burst, plan.tokens + refill), refilledAtMs: nowMs });
  if (plan.tokens < 1) return false;
  plan.tokens -= 1;
  return true;
}

function planOf({ Throttle, Quota }: Resource['properties']): Plan {
  const burst = numberIn(Throttle, 'BurstLimit');
  return {
    requestsPerSecond: numberIn(Throttle, 'RateLimit'),
    burst,
    requestsPerDay: numberIn(Quota, 'Limit'),
    tokens: burst,
    refilledAtMs: performance.now(),
    day: 0,
    usedToday: 0,
  };
}

/** As long as API Gateway's, which are 40 characters. */
const keyValue = (secret: string, keyId: string): string =>
  createHmac('sha256', secret).update(`api-key ${keyId}`).digest('hex').slice(0, 40);
