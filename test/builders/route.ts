import type { Route, ServedVersion } from '../../functions/contracts/route.ts';
import type { Digest, Version, VersionNumber } from '../../functions/contracts/version.ts';
import { type Clock, instantOf } from '../../functions/runtime/clock.ts';

export const START_MS = Date.UTC(2026, 10, 23, 12);

/** A clock that stands until it is moved. */
export class ManualClock implements Clock {
  #nowMs = START_MS;
  nowMs(): number {
    return this.#nowMs;
  }
  now() {
    return instantOf(this.#nowMs);
  }
  advance(durationMs: number): void {
    this.#nowMs += durationMs;
  }
}

export const servedVersion = (version: string): ServedVersion => ({
  version: version as VersionNumber,
  digest: version.padStart(64, '0') as Digest,
});

export const aRoute = (overrides: Partial<Route> = {}): Route => ({
  model: 'm',
  epoch: 1,
  champion: servedVersion('1'),
  changedAt: instantOf(START_MS),
  changedBy: 'somebody',
  reason: 'a test',
  ...overrides,
});

export const aChallenger = (
  overrides: Partial<NonNullable<Route['challenger']>> = {},
): NonNullable<Route['challenger']> => ({
  ...servedVersion('2'),
  promotion: 'fraud-v7',
  exposureBasisPoints: 10_000,
  isShadowed: false,
  expiresAt: instantOf(START_MS + 3_600_000),
  ...overrides,
});

export const aVersion = (version: string, overrides: Partial<Version> = {}): Version => ({
  model: 'm',
  ...servedVersion(version),
  sizeBytes: 100,
  stage: 'registered',
  description: '',
  metadata: {},
  opsets: [],
  registeredAt: instantOf(START_MS),
  registeredBy: 'somebody',
  ...overrides,
});
